package schleuse;

import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Instant;

/** The DPoP proof of one call (RFC 9449, protocol §4). Each is made for one sending and never used again. */
final class Proof {
    private Proof() {}

    /**
     * @param url base and path of the call, without query
     * @param nonce the newest of the server, or null before the first
     * @param token the access token that the call carries, or null
     * @param body the bytes as sent, or null
     */
    static String of(Signer key, String method, String url, String nonce, String token, byte[] body)
            throws GeneralSecurityException {
        return Jws.sign(key, header(key.publicKey()), claims(identifier(), method, url, nonce, token, body));
    }

    static JsonObject header(Jwk key) {
        return new JsonObject().with("typ", "dpop+jwt").with("alg", "ES256").with("jwk", key.json());
    }

    static JsonObject claims(String jti, String method, String url, String nonce, String token, byte[] body) {
        JsonObject claims = new JsonObject()
                .with("jti", jti)
                .with("htm", method)
                .with("htu", url)
                .with("iat", Instant.now().getEpochSecond());
        if (nonce != null) {
            claims.with("nonce", nonce);
        }
        if (token != null) {
            claims.with("ath", Base64Url.ofSha256(token));
        }
        if (body != null) {
            claims.with("body_sha256", Base64Url.ofSha256(body));
        }
        return claims;
    }

    private static String identifier() {
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        return Base64Url.encode(random);
    }
}
