package schleuse;

import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the person is asked, verified (protocol §5.4). The screen shows the title and every field whole, in
 * this order, as plain text.
 */
public final class RequestObject {
    private static final String TYPE = "schleuse-request+jwt";

    /** A text in both languages of the server. */
    public record Text(String de, String en) {}

    /** One line of what is to be approved. */
    public record Field(String name, Text label, String value) {}

    private final JsonObject payload;
    private final Text title;
    private final List<Field> fields = new ArrayList<>();
    private final boolean highRisk;
    private final long matchCode;
    private final long refused;

    private RequestObject(JsonObject payload) throws MalformedException {
        this.payload = payload;
        title = text(payload.object("title"));
        for (JsonObject field : payload.objects("fields")) {
            field.exactly("name", "label", "value");
            fields.add(new Field(field.string("name"), text(field.object("label")), field.string("value")));
        }
        highRisk = !payload.string("risk").equals("low");
        matchCode = payload.integer("match_code");
        refused = payload.integer("refused");
        for (String text : List.of("action", "client", "content_sha256")) {
            payload.string(text);
        }
        for (String time : List.of("iat", "exp")) {
            payload.integer(time);
        }
    }

    /**
     * Verifies the characters as received. The time is not judged: the phone's clock may be wrong.
     *
     * @param keys {@code request_keys} by their {@code kid}
     * @param audience the base URL of the protocol
     * @throws UntrustedException if anything at all is not as it must be
     */
    static RequestObject verify(String compact, Map<String, Jwk> keys, String audience, String deviceId, String id)
            throws UntrustedException {
        try {
            Jws jws = Jws.parse(compact);
            JsonObject header = jws.header().exactly("alg", "typ", "kid");
            Jwk key = keys.get(header.string("kid"));
            must(key != null, "an unknown key");
            must(header.string("alg").equals("ES256"), "another algorithm");
            must(header.string("typ").equals(TYPE), "another type");
            must(jws.verify(key), "a wrong signature");
            JsonObject payload = JsonObject.parse(jws.payload()).exactly("v", "iss", "aud", "jti", "iat", "exp",
                    "action", "client", "title", "fields", "content_sha256", "risk", "match_code", "refused");
            must(payload.integer("v") == 1, "another version");
            must(payload.string("iss").equals(audience), "another server");
            must(payload.string("aud").equals(deviceId), "another phone");
            must(payload.string("jti").equals(id), "another request");
            return new RequestObject(payload);
        } catch (MalformedException | GeneralSecurityException e) {
            throw new UntrustedException(e.getMessage());
        }
    }

    private static void must(boolean holds, String otherwise) throws UntrustedException {
        if (!holds) {
            throw new UntrustedException(otherwise);
        }
    }

    private static Text text(JsonObject text) throws MalformedException {
        text.exactly("de", "en");
        return new Text(text.string("de"), text.string("en"));
    }

    public Text title() {
        return title;
    }

    public List<Field> fields() {
        return List.copyOf(fields);
    }

    /** Anything but {@code low} is high. */
    public boolean highRisk() {
        return highRisk;
    }

    /** How many digits the person types; 0: none. */
    public long matchCode() {
        return matchCode;
    }

    /** Above 0 the app says so: somebody may be trying. */
    public long refused() {
        return refused;
    }

    /** All of it, for scripts. */
    JsonObject json() {
        return payload;
    }
}
