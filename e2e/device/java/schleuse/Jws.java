package schleuse;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;

/** A compact JWS (RFC 7515) with ES256, received or made. */
public final class Jws {
    private final String compact;
    private final JsonObject header;
    private final byte[] payload;

    private Jws(String compact, JsonObject header, byte[] payload) {
        this.compact = compact;
        this.header = header;
        this.payload = payload;
    }

    /** Signs header and payload as their JSON stands. */
    static String sign(Signer key, JsonObject header, JsonObject payload) throws GeneralSecurityException {
        String input = Base64Url.encode(header.utf8()) + "." + Base64Url.encode(payload.utf8());
        return input + "." + Base64Url.encode(Es256.sign(key, ascii(input)));
    }

    /** The same header and payload bytes, signed by another key. */
    static String signAgain(Signer key, String compact) throws GeneralSecurityException {
        String input = compact.substring(0, compact.lastIndexOf('.'));
        return input + "." + Base64Url.encode(Es256.sign(key, ascii(input)));
    }

    /** The header of §5: exactly {@code alg}, {@code typ} and {@code kid}. */
    static JsonObject header(String typ, String kid) {
        return new JsonObject().with("alg", "ES256").with("typ", typ).with("kid", kid);
    }

    /** Takes the three parts apart; nothing is verified yet. */
    static Jws parse(String compact) throws MalformedException {
        String[] parts = compact.split("\\.", -1);
        if (parts.length != 3) {
            throw new MalformedException("no compact JWS");
        }
        Base64Url.decode(parts[2]);
        return new Jws(compact, JsonObject.parse(Base64Url.decode(parts[0])), Base64Url.decode(parts[1]));
    }

    boolean verify(Jwk key) throws MalformedException, GeneralSecurityException {
        int dot = compact.lastIndexOf('.');
        return Es256.verify(key, ascii(compact.substring(0, dot)), Base64Url.decode(compact.substring(dot + 1)));
    }

    JsonObject header() {
        return header;
    }

    /** The bytes that were signed; of a denial they need not be JSON. */
    byte[] payload() {
        return payload.clone();
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.US_ASCII);
    }
}
