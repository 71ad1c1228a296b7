package schleuse;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Calls the server: a new proof for each sending, the newest nonce, the newest token of the open app, and
 * the repetitions that the protocol allows (§4, §8).
 */
final class Calls {
    private static final int TRIES = 3;
    private static final Duration UNNAMED_PAUSE = Duration.ofSeconds(5);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final String PROBLEM = "urn:schleuse:problem:";

    /**
     * @param path below the base URL
     * @param query with its question mark, or empty
     * @param body null if there is none
     * @param token the access token, or null
     */
    record Call(String method, String path, String query, byte[] body, String token, Duration patience) {
        private static final Duration USUAL = Duration.ofSeconds(30);

        static Call get(String path) {
            return new Call("GET", path, "", null, null, USUAL);
        }

        static Call of(String method, String path, JsonObject body) {
            return new Call(method, path, "", body == null ? null : body.utf8(), null, USUAL);
        }

        Call withToken(String accessToken) {
            return new Call(method, path, query, body, accessToken, patience);
        }

        Call waiting(String withQuery, Duration asLong) {
            return new Call(method, path, withQuery, body, token, USUAL.plus(asLong));
        }
    }

    private final String base;
    private final Wire wire;
    private String nonce;
    private String opened;

    Calls(String base, Wire wire) {
        this.base = base;
        this.wire = wire;
    }

    /** The token of the open app; null while it is locked. An app keeps it in memory alone. */
    String opened() {
        return opened;
    }

    void opened(String token) {
        opened = token;
    }

    /** The server's newest nonce; null before the first answer. */
    String nonce() {
        return nonce;
    }

    /** Asks for a nonce, so that an order is fresh and no other one has it. */
    void renewNonce(Signer key) throws IOException, GeneralSecurityException, ProblemException {
        send(key, Call.get("/time"));
    }

    /** Sends without a proof: {@code GET /keys}. */
    JsonObject fetch(String path) throws IOException, ProblemException {
        return answer(wire.send("GET", base + path, Map.of(), null, Call.USUAL));
    }

    /**
     * Sends with a proof, twice if the server wants a new nonce, and again after a pause if it says so.
     *
     * @return the body, or null if there is none
     * @throws IOException there was no answer: whether the server acted is not known
     */
    JsonObject send(Signer key, Call call) throws IOException, GeneralSecurityException, ProblemException {
        boolean renewed = false;
        for (int tries = 1; ; tries++) {
            try {
                return answer(once(key, call));
            } catch (ProblemException e) {
                if (e.is("use_dpop_nonce") && !renewed) {
                    renewed = true;
                } else if (tries < TRIES && e.retryAfter() != null && e.retryAfter().compareTo(LONGEST_PAUSE) <= 0) {
                    pause(e.retryAfter());
                } else {
                    throw e;
                }
            }
        }
    }

    private Wire.Reply once(Signer key, Call call) throws IOException, GeneralSecurityException {
        String url = base + call.path();
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("DPoP", Proof.of(key, call.method(), url, nonce, call.token(), call.body()));
        if (call.body() != null) {
            headers.put("Content-Type", "application/json");
        }
        if (call.token() != null) {
            headers.put("Authorization", "DPoP " + call.token());
        }
        if (opened != null) {
            headers.put("Schleuse-Opened", opened);
        }
        Wire.Reply reply = wire.send(call.method(), url + call.query(), headers, call.body(), call.patience());
        nonce = newer(reply.header("dpop-nonce"), nonce);
        opened = newer(reply.header("schleuse-opened"), opened);
        return reply;
    }

    private static String newer(String header, String known) {
        return header == null ? known : header;
    }

    private static JsonObject answer(Wire.Reply reply) throws MalformedException, ProblemException {
        if (reply.status() >= 200 && reply.status() < 300) {
            return reply.body().length == 0 ? null : JsonObject.parse(reply.body());
        }
        JsonObject members = new JsonObject();
        String word = reply.status() >= 500 ? "unavailable" : "";
        try {
            members = JsonObject.parse(reply.body());
            String type = members.string("type");
            word = type.startsWith(PROBLEM) ? type.substring(PROBLEM.length()) : word;
        } catch (MalformedException e) {
            if (word.isEmpty()) {
                throw new MalformedException("status " + reply.status() + " without a problem");
            }
        }
        throw new ProblemException(word, reply.status(), members, pauseOf(reply));
    }

    private static Duration pauseOf(Wire.Reply reply) {
        String seconds = reply.header("retry-after");
        if (seconds != null && seconds.matches("[0-9]{1,6}")) {
            return Duration.ofSeconds(Long.parseLong(seconds));
        }
        return reply.status() >= 500 ? UNNAMED_PAUSE : null;
    }

    private static void pause(Duration pause) throws InterruptedIOException {
        try {
            Thread.sleep(pause.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        }
    }
}
