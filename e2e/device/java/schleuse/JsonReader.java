package schleuse;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads one JSON text (RFC 8259) strictly: valid UTF-8, no member twice, nothing behind the end, at most
 * {@value #MAX_DEPTH} levels. The readers that platforms bring let the last of two members win, or the
 * first; a signed text that two readers read differently is a forgery.
 *
 * <p>Values become {@code Map<String, Object>}, {@code List<Object>}, {@code String}, {@code Long} (whole
 * numbers), {@code Double}, {@code Boolean} and {@code null}.
 */
final class JsonReader {
    private static final int MAX_DEPTH = 16;

    private final String text;
    private int at;

    private JsonReader(String text) {
        this.text = text;
    }

    static Object read(byte[] utf8) throws MalformedException {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
        } catch (CharacterCodingException e) {
            throw new MalformedException("not UTF-8");
        }
        JsonReader reader = new JsonReader(text);
        Object value = reader.value(0);
        reader.blanks();
        if (reader.at != text.length()) {
            throw reader.malformed("data behind the end");
        }
        return value;
    }

    private Object value(int depth) throws MalformedException {
        if (depth > MAX_DEPTH) {
            throw malformed("too deep");
        }
        blanks();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return list(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) throws MalformedException {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        blanks();
        if (take('}')) {
            return members;
        }
        do {
            blanks();
            String name = string();
            if (members.containsKey(name)) {
                throw malformed("a member twice");
            }
            blanks();
            expect(':');
            members.put(name, value(depth + 1));
            blanks();
        } while (take(','));
        expect('}');
        return members;
    }

    private List<Object> list(int depth) throws MalformedException {
        List<Object> values = new ArrayList<>();
        at++;
        blanks();
        if (take(']')) {
            return values;
        }
        do {
            values.add(value(depth + 1));
            blanks();
        } while (take(','));
        expect(']');
        return values;
    }

    private String string() throws MalformedException {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (!take('"')) {
            char c = peek();
            if (c < 0x20) {
                throw malformed("a control character in a string");
            }
            at++;
            out.append(c == '\\' ? escaped() : c);
        }
        return wellFormed(out.toString());
    }

    private char escaped() throws MalformedException {
        char c = peek();
        at++;
        switch (c) {
            case '"':
            case '\\':
            case '/':
                return c;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                return hexadecimal();
            default:
                throw malformed("an unknown escape");
        }
    }

    private char hexadecimal() throws MalformedException {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            int digit = peek() < 0x80 ? Character.digit(peek(), 16) : -1;
            if (digit < 0) {
                throw malformed("an unknown escape");
            }
            value = value * 16 + digit;
            at++;
        }
        return (char) value;
    }

    /** Half a surrogate pair is no character: it would be written as something else than was read. */
    private String wellFormed(String s) throws MalformedException {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(s)) {
            throw malformed("half a character");
        }
        return s;
    }

    private Object number() throws MalformedException {
        int start = at;
        take('-');
        if (!take('0')) {
            digits();
        }
        boolean whole = true;
        if (take('.')) {
            whole = false;
            digits();
        }
        if (take('e') || take('E')) {
            whole = false;
            if (!take('+')) {
                take('-');
            }
            digits();
        }
        String number = text.substring(start, at);
        try {
            return whole ? (Object) Long.valueOf(number) : (Object) Double.valueOf(number);
        } catch (NumberFormatException e) {
            throw malformed("a number out of range");
        }
    }

    private void digits() throws MalformedException {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw malformed("no value");
        }
    }

    private Object word(String word, Object value) throws MalformedException {
        if (!text.startsWith(word, at)) {
            throw malformed("no value");
        }
        at += word.length();
        return value;
    }

    private void blanks() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() throws MalformedException {
        if (at >= text.length()) {
            throw malformed("the end is missing");
        }
        return text.charAt(at);
    }

    private boolean take(char c) {
        if (at >= text.length() || text.charAt(at) != c) {
            return false;
        }
        at++;
        return true;
    }

    private void expect(char c) throws MalformedException {
        if (!take(c)) {
            throw malformed("no " + c);
        }
    }

    /** Tells the place and never the text: what is read here may be secret. */
    private MalformedException malformed(String what) {
        return new MalformedException("JSON, character " + at + ": " + what);
    }
}
