package schleuse;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/** {@code b64u} of the protocol: base64url without padding, canonical (RFC 4648 §5). */
final class Base64Url {
    private Base64Url() {}

    static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Refuses padding, blanks and unused bits: the platform's decoder alone lets some of them pass. */
    static byte[] decode(String text) throws MalformedException {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            if (encode(bytes).equals(text)) {
                return bytes;
            }
        } catch (IllegalArgumentException e) {
            // told below, without the text
        }
        throw new MalformedException("not base64url");
    }

    /** {@code b64u(SHA-256(x))}. */
    static String ofSha256(byte[] x) {
        try {
            return encode(MessageDigest.getInstance("SHA-256").digest(x));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** {@code b64u(SHA-256(ASCII of a compact JWS or token))}. */
    static String ofSha256(String ascii) {
        return ofSha256(ascii.getBytes(StandardCharsets.US_ASCII));
    }
}
