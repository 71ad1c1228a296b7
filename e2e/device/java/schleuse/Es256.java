package schleuse;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.SignatureException;
import java.util.Arrays;

/**
 * ES256 (RFC 7518 §3.4): 64 bytes {@code r ‖ s}. Platforms sign and verify DER,
 * {@code 30 len 02 lr r 02 ls s}; this turns the one into the other.
 */
final class Es256 {
    private static final int SEQUENCE = 0x30;
    private static final int INTEGER = 0x02;

    private Es256() {}

    static byte[] sign(Signer key, byte[] message) throws GeneralSecurityException {
        return raw(key.signDer(message));
    }

    static boolean verify(Jwk key, byte[] message, byte[] raw) throws GeneralSecurityException {
        if (raw.length != 2 * P256.SIZE || !inRange(P256.number(raw, 0)) || !inRange(P256.number(raw, P256.SIZE))) {
            return false;
        }
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initVerify(key.key());
        signature.update(message);
        return signature.verify(der(raw));
    }

    /** A provider that took 0 for a signature would take everything (CVE-2022-21449). */
    private static boolean inRange(BigInteger number) throws GeneralSecurityException {
        return number.signum() > 0 && number.compareTo(P256.spec().getOrder()) < 0;
    }

    static byte[] raw(byte[] der) throws SignatureException {
        int rLength = der.length < 8 ? 0 : der[3];
        int sAt = 4 + rLength;
        if (rLength < 1 || der[0] != SEQUENCE || der[1] != der.length - 2 || der[2] != INTEGER
                || sAt + 2 >= der.length || der[sAt] != INTEGER || der[sAt + 1] != der.length - sAt - 2) {
            throw new SignatureException("no DER signature on P-256");
        }
        BigInteger r = new BigInteger(1, Arrays.copyOfRange(der, 4, sAt));
        BigInteger s = new BigInteger(1, Arrays.copyOfRange(der, sAt + 2, der.length));
        return Hpke.join(P256.bytes(r), P256.bytes(s));
    }

    /** The longest has 2 + 2·(2 + 33) = 72 bytes, so each length is one byte. */
    static byte[] der(byte[] raw) {
        byte[] r = P256.number(raw, 0).toByteArray();
        byte[] s = P256.number(raw, P256.SIZE).toByteArray();
        return Hpke.join(
                new byte[] {SEQUENCE, (byte) (4 + r.length + s.length), INTEGER, (byte) r.length}, r,
                new byte[] {INTEGER, (byte) s.length}, s);
    }
}
