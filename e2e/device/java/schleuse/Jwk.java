package schleuse;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;

/** A public key on P-256 and its form in the protocol: {@code {"kty":"EC","crv":"P-256","x":…,"y":…}}. */
public final class Jwk {
    private final ECPublicKey key;

    private Jwk(ECPublicKey key) {
        this.key = key;
    }

    /** The key as the platform gives it, e.g. {@code KeyStore.getCertificate(alias).getPublicKey()}. */
    public static Jwk of(ECPublicKey key) throws GeneralSecurityException {
        if (!P256.contains(key.getW())) {
            throw new GeneralSecurityException("a point that is not on P-256");
        }
        return new Jwk(key);
    }

    /** Reads the four members; others (those of {@code GET /keys}) are the caller's. */
    public static Jwk parse(JsonObject jwk) throws MalformedException, GeneralSecurityException {
        if (!jwk.string("kty").equals("EC") || !jwk.string("crv").equals("P-256")) {
            throw new MalformedException("no key on P-256");
        }
        ECPoint point = new ECPoint(coordinate(jwk.string("x")), coordinate(jwk.string("y")));
        ECPublicKeySpec spec = new ECPublicKeySpec(point, P256.spec());
        return of((ECPublicKey) KeyFactory.getInstance("EC").generatePublic(spec));
    }

    private static BigInteger coordinate(String b64u) throws MalformedException {
        byte[] bytes = Base64Url.decode(b64u);
        if (bytes.length != P256.SIZE) {
            throw new MalformedException("a coordinate is not 32 bytes long");
        }
        return new BigInteger(1, bytes);
    }

    public ECPublicKey key() {
        return key;
    }

    /** Exactly the four members, in the order that {@link #thumbprint} hashes. */
    public JsonObject json() {
        return new JsonObject()
                .with("crv", "P-256")
                .with("kty", "EC")
                .with("x", Base64Url.encode(P256.bytes(key.getW().getAffineX())))
                .with("y", Base64Url.encode(P256.bytes(key.getW().getAffineY())));
    }

    /** RFC 7638. */
    public String thumbprint() {
        return Base64Url.ofSha256(json().toString().getBytes(StandardCharsets.UTF_8));
    }

    /** {@code 04 ‖ x ‖ y}, 65 bytes. */
    byte[] uncompressed() {
        return Hpke.join(new byte[] {4}, P256.bytes(key.getW().getAffineX()), P256.bytes(key.getW().getAffineY()));
    }
}
