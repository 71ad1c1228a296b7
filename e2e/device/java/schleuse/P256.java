package schleuse;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.util.Arrays;

/** The curve P-256 and its numbers of 32 bytes. */
final class P256 {
    /** Bytes of a coordinate, of {@code r} and of {@code s}. */
    static final int SIZE = 32;

    private P256() {}

    static ECParameterSpec spec() throws GeneralSecurityException {
        AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
        parameters.init(new ECGenParameterSpec("secp256r1"));
        return parameters.getParameterSpec(ECParameterSpec.class);
    }

    /**
     * Tells whether the point lies on the curve. An ECDH with a point beside it gives the private key away;
     * not every provider looks.
     */
    static boolean contains(ECPoint point) throws GeneralSecurityException {
        ECParameterSpec spec = spec();
        BigInteger p = ((ECFieldFp) spec.getCurve().getField()).getP();
        BigInteger x = point.getAffineX();
        BigInteger y = point.getAffineY();
        if (x.signum() < 0 || y.signum() < 0 || x.compareTo(p) >= 0 || y.compareTo(p) >= 0) {
            return false;
        }
        BigInteger right = x.pow(3).add(spec.getCurve().getA().multiply(x)).add(spec.getCurve().getB());
        return y.pow(2).subtract(right).mod(p).signum() == 0;
    }

    /** 32 bytes, big-endian, with leading zeros: {@code BigInteger} gives 33 or fewer. */
    static byte[] bytes(BigInteger number) {
        byte[] signed = number.toByteArray();
        int from = signed[0] == 0 ? 1 : 0;
        int length = signed.length - from;
        if (number.signum() < 0 || length > SIZE) {
            throw new IllegalArgumentException("no number of 32 bytes");
        }
        byte[] out = new byte[SIZE];
        System.arraycopy(signed, from, out, SIZE - length, length);
        return out;
    }

    static BigInteger number(byte[] bytes, int from) {
        return new BigInteger(1, Arrays.copyOfRange(bytes, from, from + SIZE));
    }
}
