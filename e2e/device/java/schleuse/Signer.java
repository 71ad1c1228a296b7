package schleuse;

import java.security.GeneralSecurityException;

/**
 * A private key on P-256 that signs and cannot be read.
 *
 * <p>On Android it stands over the Keystore:
 * <pre>{@code
 * new KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
 *     .setAlgorithmParameterSpec(new ECGenParameterSpec("secp256r1"))
 *     .setDigests(KeyProperties.DIGEST_SHA256)
 *     .setIsStrongBoxBacked(true)                      // on StrongBoxUnavailableException: without
 *     .build()
 * }</pre>
 * The biometric key has besides {@code setUserAuthenticationRequired(true)},
 * {@code setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)} and
 * {@code setInvalidatedByBiometricEnrollment(true)}. Its {@code Signature} goes through
 * {@code BiometricPrompt.authenticate(info, new CryptoObject(signature))}, and {@link #signDer} finishes it.
 */
public interface Signer {
    Jwk publicKey();

    /**
     * Signs with {@code SHA256withECDSA}, the only form the Android Keystore has.
     *
     * @return the signature as DER
     * @throws GeneralSecurityException also when the person does not release the key, or the platform
     *     invalidated it ({@code KeyPermanentlyInvalidatedException})
     */
    byte[] signDer(byte[] message) throws GeneralSecurityException;
}
