package schleuse;

/** The body of an answer: of one size, so that who sees only sizes does not see the decision (§7.8). */
final class Answer {
    static final int SIZE = 2048;

    private Answer() {}

    /** @param password null with a denial */
    static JsonObject padded(String answer, JsonObject password) {
        int missing = SIZE - body(answer, password, "").utf8().length;
        if (missing < 0) {
            throw new IllegalStateException("an answer of more than " + SIZE + " bytes");
        }
        return body(answer, password, "A".repeat(missing));
    }

    private static JsonObject body(String answer, JsonObject password, String padding) {
        JsonObject body = new JsonObject().with("answer", answer);
        if (password != null) {
            body.with("password", password);
        }
        return body.with("padding", padding);
    }
}
