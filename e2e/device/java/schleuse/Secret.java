package schleuse;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Arrays;

/**
 * What a person typed: Unicode NFC, UTF-8, 1 to {@value #MAX} bytes. It is overwritten when it is closed.
 *
 * <p>On Android the field is read with {@code getText()} into a {@code char[]}, never with
 * {@code toString()}; a {@code String} cannot be overwritten.
 */
public final class Secret implements AutoCloseable {
    private static final int MAX = 512;

    private final byte[] utf8;

    /** Takes the characters and overwrites them. */
    public Secret(char[] typed) {
        ByteBuffer encoded = StandardCharsets.UTF_8.encode(normalized(typed));
        Arrays.fill(typed, '\0');
        utf8 = new byte[encoded.remaining()];
        encoded.get(utf8);
        Arrays.fill(encoded.array(), (byte) 0);
        if (utf8.length == 0 || utf8.length > MAX) {
            close();
            throw new IllegalArgumentException("a secret has 1 to " + MAX + " bytes");
        }
    }

    /** Only what is not normalized yet goes through the {@code String} that {@code Normalizer} makes. */
    private static CharBuffer normalized(char[] typed) {
        CharBuffer characters = CharBuffer.wrap(typed);
        return Normalizer.isNormalized(characters, Normalizer.Form.NFC)
                ? characters
                : CharBuffer.wrap(Normalizer.normalize(characters, Normalizer.Form.NFC));
    }

    byte[] utf8() {
        return utf8;
    }

    @Override
    public void close() {
        Arrays.fill(utf8, (byte) 0);
    }
}
