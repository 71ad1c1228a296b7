package schleuse;

import java.time.Duration;

/** The server's no (protocol §8). The app decides by {@link #word} alone. */
public final class ProblemException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String word;
    private final int status;
    private final transient JsonObject members;
    private final Duration retryAfter;

    ProblemException(String word, int status, JsonObject members, Duration retryAfter) {
        super(word);
        this.word = word;
        this.status = status;
        this.members = members;
        this.retryAfter = retryAfter;
    }

    /** What follows {@code urn:schleuse:problem:}, e.g. {@code factors}; {@code unavailable} for every other 5xx. */
    public String word() {
        return word;
    }

    public boolean is(String other) {
        return word.equals(other);
    }

    public int status() {
        return status;
    }

    /** All members, e.g. {@code state}, {@code until}. */
    public JsonObject members() {
        return members;
    }

    /** How long to wait before the call is repeated; null when it is not to be repeated. */
    public Duration retryAfter() {
        return retryAfter;
    }
}
