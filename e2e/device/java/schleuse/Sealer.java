package schleuse;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;

/** Seals secrets to the server's key, each bound to its purpose and to the message beside it (protocol §6). */
final class Sealer {
    static final String PASSWORD = "device-password";
    static final String NEW_PASSWORD = "new-device-password";
    static final String PIN = "pin";
    static final String LOGIN_PASSWORD = "login-password";

    private final String keyId;
    private final Jwk key;

    /** @param sealKey {@code seal_key} of {@code GET /keys} or of {@code POST /enrolments} */
    Sealer(JsonObject sealKey) throws MalformedException, GeneralSecurityException {
        keyId = sealKey.string("kid");
        key = Jwk.parse(sealKey);
    }

    /** @param message the {@code registration}, {@code order} or {@code answer} of the same body */
    JsonObject seal(String deviceId, String purpose, String message, Secret secret) throws GeneralSecurityException {
        Hpke hpke = new Hpke(key, SoftwareKey.generate());
        return sealed(hpke.enc, hpke.seal(aad(deviceId, purpose, message), secret.utf8()));
    }

    JsonObject sealed(byte[] enc, byte[] ct) {
        return new JsonObject().with("kid", keyId).with("enc", Base64Url.encode(enc)).with("ct", Base64Url.encode(ct));
    }

    static byte[] aad(String deviceId, String purpose, String message) {
        String aad = deviceId + "\n" + purpose + "\n" + Base64Url.ofSha256(message);
        return aad.getBytes(StandardCharsets.US_ASCII);
    }
}
