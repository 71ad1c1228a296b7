package schleuse;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.HexFormat;

/** What the vectors do not hold: the edges of the JSON reader, of DER, of base64url and of secrets. */
final class Strictness {
    private static final String[] REFUSED = {
        "", "[]", "{}x", "{} {}", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}", "{\"a\":01}", "{\"a\":+1}",
        "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1,}", "{a:1}", "{\"a\":tru}", "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u00g0\"}", "{\"a\":99999999999999999999}",
        "{\"a\":\"", "{\"a\":[1 2]}", "{\"a\":NaN}", "{\"a\":" + "[".repeat(40) + "]".repeat(40) + "}",
    };
    private static final String READ =
            "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00ß\",\"n\":-12,\"l\":[true,false,null,{}],\"o\":{}}";
    private static final String WRITTEN =
            "{\"s\":\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009ä😀ß\",\"n\":-12,\"l\":[true,false,null,{}],\"o\":{}}";

    void check() throws MalformedException, GeneralSecurityException {
        for (String text : REFUSED) {
            refused(text.getBytes(StandardCharsets.UTF_8));
        }
        refused(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
        must(json(READ).toString().equals(WRITTEN), "JSON written");
        must(json(WRITTEN).equals(json(READ)), "JSON read again");
        der();
        base64url();
        secrets();
    }

    /** Integers of DER are 1 to 33 bytes long: both ways to 32 and back. */
    private static void der() throws GeneralSecurityException {
        HexFormat hex = HexFormat.of();
        byte[] small = hex.parseHex("3006020101020200ff");
        must(small.length == 9, "the length of the trial");
        small[1] = 7;
        byte[] raw = Es256.raw(small);
        must(hex.formatHex(raw).equals("0".repeat(63) + "1" + "0".repeat(62) + "ff"), "short integers");
        must(Arrays.equals(Es256.der(raw), small), "short integers back");
        byte[] high = new byte[64];
        Arrays.fill(high, (byte) 0xff);
        must(Es256.der(high).length == 72 && Arrays.equals(Es256.raw(Es256.der(high)), high), "long integers");
        must(!Es256.verify(SoftwareKey.generate().publicKey(), new byte[1], new byte[64]), "a signature of zeros");
        for (int i = 0; i < 200; i++) {
            SoftwareKey key = SoftwareKey.generate();
            byte[] message = {(byte) i};
            must(Es256.verify(key.publicKey(), message, Es256.sign(key, message)), "own signature");
        }
    }

    private static void base64url() throws MalformedException {
        must(Arrays.equals(Base64Url.decode("_-8"), new byte[] {(byte) 0xff, (byte) 0xef}), "base64url");
        for (String text : new String[] {"_-8=", "_-9", "_- 8", "/+8", "A"}) {
            try {
                Base64Url.decode(text);
            } catch (MalformedException e) {
                continue;
            }
            throw new AssertionError("base64url read: " + text);
        }
    }

    private static void secrets() {
        char[] typed = Normalizer.normalize("Tülpe", Normalizer.Form.NFD).toCharArray();
        try (Secret secret = new Secret(typed)) {
            must(Arrays.equals(secret.utf8(), "Tülpe".getBytes(StandardCharsets.UTF_8)), "NFC");
            must(typed[0] == 0 && typed[typed.length - 1] == 0, "what was typed is overwritten");
        }
    }

    private static JsonObject json(String text) throws MalformedException {
        return JsonObject.parse(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void refused(byte[] utf8) {
        try {
            JsonObject.parse(utf8);
        } catch (MalformedException e) {
            return;
        }
        throw new AssertionError("JSON read: " + new String(utf8, StandardCharsets.UTF_8));
    }

    private static void must(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
