package schleuse;

import java.security.GeneralSecurityException;
import java.time.Instant;

/** The messages that a phone signs besides its proofs (protocol §5.1 to §5.3), each as a compact JWS. */
final class Orders {
    private static final String REGISTRATION = "schleuse-registration+jwt";
    private static final String ORDER = "schleuse-device+jwt";
    private static final String ANSWER = "schleuse-answer+jwt";

    private final String audience;
    private final String deviceId;
    private final String nonce;

    /**
     * @param audience the base URL of the protocol, byte for byte as the app has it built in
     * @param nonce the server's newest; orders carry it, nothing else does
     */
    Orders(String audience, String deviceId, String nonce) {
        this.audience = audience;
        this.deviceId = deviceId;
        this.nonce = nonce;
    }

    String registration(Signer key, String ticket, String name, String platform) throws GeneralSecurityException {
        JsonObject payload = about()
                .with("ticket", ticket)
                .with("jwk", key.publicKey().json())
                .with("name", name)
                .with("platform", platform);
        return signed(key, REGISTRATION, payload);
    }

    /** An order without a key: {@code unlock}, {@code set-password}, {@code set-pin}, {@code open}, … */
    String order(Signer key, String purpose) throws GeneralSecurityException {
        return signed(key, ORDER, about().with("purpose", purpose).with("nonce", nonce));
    }

    /** {@code rotate-key} or {@code set-biometric}. */
    String order(Signer key, String purpose, Jwk other) throws GeneralSecurityException {
        return signed(key, ORDER, about().with("purpose", purpose).with("jwk", other.json()).with("nonce", nonce));
    }

    /** @param matchCode the digits as typed, or null when the request asks for none */
    String approval(Signer key, String request, String matchCode) throws GeneralSecurityException {
        JsonObject payload = decision(request, "approve");
        if (matchCode != null) {
            payload.with("match_code", matchCode);
        }
        return signed(key, ANSWER, payload);
    }

    String denial(Signer key, String request, boolean notMe) throws GeneralSecurityException {
        return signed(key, ANSWER, decision(request, "deny").with("reason", notMe ? "not_me" : "by_person"));
    }

    private JsonObject about() {
        return new JsonObject().with("v", 1).with("aud", audience).with("sub", deviceId);
    }

    /** Hashed are the characters as received: decoded and encoded again they would be others. */
    private JsonObject decision(String request, String decision) {
        return new JsonObject()
                .with("v", 1)
                .with("request_sha256", Base64Url.ofSha256(request))
                .with("decision", decision);
    }

    private String signed(Signer key, String typ, JsonObject payload) throws GeneralSecurityException {
        return Jws.sign(key, Jws.header(typ, deviceId), payload.with("iat", Instant.now().getEpochSecond()));
    }
}
