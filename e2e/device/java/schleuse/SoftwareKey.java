package schleuse;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPrivateKeySpec;

/**
 * A key in memory. Good as the ephemeral key of {@link Hpke} and for trying things out; an app's device key
 * is made in hardware, see {@link Signer}.
 */
public final class SoftwareKey implements Signer {
    private final ECPrivateKey secret;
    private final Jwk open;

    private SoftwareKey(ECPrivateKey secret, Jwk open) {
        this.secret = secret;
        this.open = open;
    }

    public static SoftwareKey generate() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        return new SoftwareKey((ECPrivateKey) pair.getPrivate(), Jwk.of((ECPublicKey) pair.getPublic()));
    }

    /** Reads a JWK with {@code d}. */
    static SoftwareKey parse(JsonObject jwk) throws MalformedException, GeneralSecurityException {
        jwk.exactly("kty", "crv", "x", "y", "d");
        BigInteger d = new BigInteger(1, Base64Url.decode(jwk.string("d")));
        PrivateKey secret = KeyFactory.getInstance("EC").generatePrivate(new ECPrivateKeySpec(d, P256.spec()));
        return new SoftwareKey((ECPrivateKey) secret, Jwk.parse(jwk));
    }

    /** The JWK with {@code d}: it goes nowhere but to a file of the tests. */
    JsonObject json() {
        return open.json().with("d", Base64Url.encode(P256.bytes(secret.getS())));
    }

    PrivateKey secret() {
        return secret;
    }

    @Override
    public Jwk publicKey() {
        return open;
    }

    @Override
    public byte[] signDer(byte[] message) throws GeneralSecurityException {
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(secret);
        signature.update(message);
        return signature.sign();
    }
}
