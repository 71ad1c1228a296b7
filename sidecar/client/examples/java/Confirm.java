import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Has a change of address confirmed on the person's phone before it is executed; Java 17 alone.
 * Usage: java Confirm.java KVNR OLD NEW, with SCHLEUSE_URL, TOKEN_URL, CLIENT_ID and
 * CLIENT_SECRET_FILE in the environment.
 */
public final class Confirm {
    private static final String API = System.getenv("SCHLEUSE_URL");
    private static final String CLIENT = System.getenv("CLIENT_ID");
    private static final Duration CALL = Duration.ofSeconds(15);
    private static final Duration POLL = Duration.ofSeconds(45);
    private static final int TRIES = 5;

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(CALL).build();
    private String token;

    /** What must not be executed, and why. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        Refused(String why) {
            super(why);
        }
    }

    public static void main(String[] args) throws InterruptedException {
        try {
            if (args.length != 3) {
                throw new Refused("usage: KVNR OLD NEW");
            }
            System.out.println("executed: " + new Confirm().confirm(args[0], args[1], args[2]));
        } catch (Refused | IOException | GeneralSecurityException e) {
            System.out.println("not executed: " + e.getMessage());
            System.exit(1);
        }
    }

    private String confirm(String kvnr, String before, String after)
            throws Refused, IOException, InterruptedException, GeneralSecurityException {
        token = token();
        // 1. The very bytes that will be executed, and their hash.
        byte[] order = ("{\"neu\":" + quote(after) + "}").getBytes(StandardCharsets.UTF_8);
        String hash = hash(order);
        // 2. Ask. With the same key the call may be repeated: the person is asked once.
        String question = "{\"subject\":{\"kvnr\":" + quote(kvnr) + "},\"action\":\"adresse\",\"fields\":{\"alt\":" + quote(before)
                + ",\"neu\":" + quote(after) + "},\"content_sha256\":" + quote(hash) + "}";
        HttpRequest.Builder ask = request("/approvals", CALL).header("Content-Type", "application/json")
                .header("Idempotency-Key", UUID.randomUUID().toString()).POST(BodyPublishers.ofString(question));
        String approval = call(ask, TRIES);
        String id = member(approval, "id");
        System.out.println("code for the person: " + member(approval, "match_code"));
        // 3. Wait.
        String state = "pending";
        while (state.equals("pending")) {
            state = member(call(request("/approvals/" + id + "?wait=30", POLL).GET(), TRIES), "state");
        }
        if (!state.equals("approved")) {
            throw new Refused(state);
        }
        // 4. Redeem, once, with the hash of the bytes that are about to be executed.
        HttpRequest.Builder redeem = request("/approvals/" + id + "/redeem", CALL).header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"content_sha256\":" + quote(hash(order)) + "}"));
        verify(member(call(redeem, 1), "receipt"), id, hash(order));
        // 5. Execute these bytes; keep the receipt.
        return new String(order, StandardCharsets.UTF_8);
    }

    private String token() throws Refused, IOException, InterruptedException {
        String secret = Files.readString(Path.of(System.getenv("CLIENT_SECRET_FILE"))).strip();
        String form = "grant_type=client_credentials&client_id=" + URLEncoder.encode(CLIENT, StandardCharsets.UTF_8)
                + "&client_secret=" + URLEncoder.encode(secret, StandardCharsets.UTF_8);
        return member(call(HttpRequest.newBuilder(URI.create(System.getenv("TOKEN_URL"))).timeout(CALL)
                .header("Content-Type", "application/x-www-form-urlencoded").POST(BodyPublishers.ofString(form)), TRIES), "access_token");
    }

    private HttpRequest.Builder request(String path, Duration time) {
        HttpRequest.Builder r = HttpRequest.newBuilder(URI.create(API + path)).timeout(time);
        return token == null ? r : r.header("Authorization", "Bearer " + token);
    }

    /** Makes a call, again when no answer came or the API is away, if that is allowed. */
    private String call(HttpRequest.Builder request, int tries) throws Refused, IOException, InterruptedException {
        for (int attempt = 1;; attempt++) {
            try {
                HttpResponse<String> answer = http.send(request.build(), BodyHandlers.ofString());
                if (answer.statusCode() / 100 == 2) {
                    return answer.body();
                }
                if (answer.statusCode() < 500 || attempt >= tries) {
                    throw new Refused("the API answers " + answer.statusCode() + " " + answer.body());
                }
            } catch (IOException e) {
                if (attempt >= tries) {
                    throw e;
                }
            }
            Thread.sleep(Math.min(10_000, 200L << attempt));
        }
    }

    /** Verifies a receipt: type, algorithm, key, signature, and what it says. */
    private void verify(String receipt, String id, String hash)
            throws Refused, IOException, InterruptedException, GeneralSecurityException {
        String[] parts = receipt.split("\\.", -1);
        if (parts.length != 3) {
            throw new Refused("no receipt");
        }
        String head = text(parts[0]);
        demand(member(head, "typ").equals("approval-receipt+jwt") && member(head, "alg").equals("ES256"), "another kind of receipt");
        Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
        signature.initVerify(key(member(head, "kid")));
        signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
        demand(signature.verify(Base64.getUrlDecoder().decode(parts[2])), "the signature does not hold");
        String claims = text(parts[1]);
        demand(member(claims, "iss").equals(API), "another issuer");
        demand(member(claims, "aud").equals(CLIENT), "for another client");
        demand(member(claims, "jti").equals(id), "of another approval");
        demand(member(claims, "action").equals("adresse"), "for another action");
        demand(MessageDigest.isEqual(member(claims, "content_sha256").getBytes(StandardCharsets.US_ASCII),
                hash.getBytes(StandardCharsets.US_ASCII)), "for another content");
        demand(Instant.now().getEpochSecond() < Long.parseLong(member(claims, "exp")), "expired");
    }

    /** Reads the published key of this id. */
    private PublicKey key(String kid) throws Refused, IOException, InterruptedException, GeneralSecurityException {
        String set = call(request("/keys", CALL).GET(), TRIES);
        Matcher keys = Pattern.compile("\\{[^{}]*\\}").matcher(set.substring(set.indexOf('[')));
        while (keys.find()) {
            String key = keys.group();
            if (member(key, "kid").equals(kid) && member(key, "kty").equals("EC") && member(key, "crv").equals("P-256")) {
                AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
                curve.init(new ECGenParameterSpec("secp256r1"));
                ECPoint point = new ECPoint(number(member(key, "x")), number(member(key, "y")));
                return KeyFactory.getInstance("EC").generatePublic(
                        new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class)));
            }
        }
        throw new Refused("unknown key");
    }

    private static void demand(boolean holds, String otherwise) throws Refused {
        if (!holds) {
            throw new Refused(otherwise);
        }
    }

    private static String hash(byte[] of) throws GeneralSecurityException {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(MessageDigest.getInstance("SHA-256").digest(of));
    }

    private static String text(String part) {
        return new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8);
    }

    private static BigInteger number(String part) {
        return new BigInteger(1, Base64.getUrlDecoder().decode(part));
    }

    /**
     * Returns a member that is a string without escapes or a number, as all are that are read here;
     * a program with a JSON library uses that.
     */
    private static String member(String json, String name) throws Refused {
        Matcher m = Pattern.compile("\"" + name + "\":(?:\"([^\"\\\\]*)\"|(-?[0-9]+))").matcher(json);
        if (!m.find()) {
            throw new Refused("no " + name + " in the answer");
        }
        return m.group(1) != null ? m.group(1) : m.group(2);
    }

    /** Writes a JSON string. */
    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
