package schleuse;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * HPKE base mode (RFC 9180) with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, for one message
 * (protocol §6.1). Every intermediate value is a field, so that the test vectors can be compared.
 */
final class Hpke {
    private static final byte[] INFO = ascii("schleuse/device/v1");
    private static final byte[] KEM = join(ascii("KEM"), i2osp(0x0010));
    private static final byte[] SUITE = join(ascii("HPKE"), i2osp(0x0010), i2osp(0x0001), i2osp(0x0002));
    private static final byte[] EMPTY = {};
    private static final int HASH = 32;
    private static final int KEY = 32;
    private static final int NONCE = 12;
    private static final int TAG_BITS = 128;

    final byte[] enc;
    final byte[] dh;
    final byte[] eaePrk;
    final byte[] sharedSecret;
    final byte[] pskIdHash;
    final byte[] infoHash;
    final byte[] context;
    final byte[] secret;
    final byte[] key;
    final byte[] baseNonce;

    /** The ephemeral key is drawn for this one message and thrown away. */
    Hpke(Jwk receiver, SoftwareKey ephemeral) throws GeneralSecurityException {
        enc = ephemeral.publicKey().uncompressed();
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(ephemeral.secret());
        agreement.doPhase(receiver.key(), true);
        dh = agreement.generateSecret();
        eaePrk = labeledExtract(KEM, EMPTY, "eae_prk", dh);
        sharedSecret = labeledExpand(KEM, eaePrk, "shared_secret", join(enc, receiver.uncompressed()), HASH);
        pskIdHash = labeledExtract(SUITE, EMPTY, "psk_id_hash", EMPTY);
        infoHash = labeledExtract(SUITE, EMPTY, "info_hash", INFO);
        context = join(new byte[] {0}, pskIdHash, infoHash);
        secret = labeledExtract(SUITE, sharedSecret, "secret", EMPTY);
        key = labeledExpand(SUITE, secret, "key", context, KEY);
        baseNonce = labeledExpand(SUITE, secret, "base_nonce", context, NONCE);
    }

    /** Seals the one message; the tag is at the end. */
    byte[] seal(byte[] aad, byte[] plaintext) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(TAG_BITS, baseNonce));
        cipher.updateAAD(aad);
        return cipher.doFinal(plaintext);
    }

    private static byte[] labeledExtract(byte[] suite, byte[] salt, String label, byte[] ikm)
            throws GeneralSecurityException {
        return hmac(salt, join(ascii("HPKE-v1"), suite, ascii(label), ikm));
    }

    private static byte[] labeledExpand(byte[] suite, byte[] prk, String label, byte[] info, int length)
            throws GeneralSecurityException {
        byte[] labeled = join(i2osp(length), ascii("HPKE-v1"), suite, ascii(label), info);
        return Arrays.copyOf(hmac(prk, join(labeled, new byte[] {1})), length);
    }

    /** {@code SecretKeySpec} refuses an empty key; HMAC pads with zeros, so 32 of them are the same. */
    private static byte[] hmac(byte[] key, byte[] message) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key.length == 0 ? new byte[HASH] : key, "HmacSHA256"));
        return mac.doFinal(message);
    }

    private static byte[] i2osp(int number) {
        return new byte[] {(byte) (number >> 8), (byte) number};
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.US_ASCII);
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.write(part, 0, part.length);
        }
        return out.toByteArray();
    }
}
