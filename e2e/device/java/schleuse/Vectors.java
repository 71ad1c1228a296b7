package schleuse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Checks every test vector of the protocol (§13), and that what this phone makes has the same form. The one
 * argument is their directory; a file there that this does not know is an error.
 */
public final class Vectors {
    private static final String AUDIENCE = "https://login.kasse.example/schleuse/device/v1";
    private static final String DEVICE = "mzxw6ytboi3dgnbvgy3tqojqge";
    private static final String REQUEST = "ge3dqnzzgyydcmrtgq2tmnzyhe";

    private final Path directory;
    private int checks;

    private Vectors(Path directory) {
        this.directory = directory;
    }

    /** One file of vectors. */
    private interface Check {
        void of(JsonObject vectors) throws IOException, GeneralSecurityException, UntrustedException;
    }

    public static void main(String[] args) throws IOException, GeneralSecurityException, UntrustedException {
        Vectors vectors = new Vectors(Path.of(args[0]));
        vectors.all();
        new Strictness().check();
        System.out.println(vectors.checks + " checks");
    }

    private void all() throws IOException, GeneralSecurityException, UntrustedException {
        Map<String, Check> files = Map.of(
                "thumbprint.json", this::thumbprint,
                "dpop.json", this::dpop,
                "registration.json", this::registration,
                "order.json", this::order,
                "rotation.json", this::rotation,
                "request.json", this::request,
                "answer.json", this::answer,
                "seal.json", this::seal);
        Set<String> found = new TreeSet<>();
        try (Stream<Path> listing = Files.list(directory)) {
            listing.forEach(file -> found.add(file.getFileName().toString()));
        }
        same("the files", new TreeSet<>(files.keySet()), found);
        for (String name : found) {
            files.get(name).of(JsonObject.parse(Files.readAllBytes(directory.resolve(name))));
        }
    }

    private void thumbprint(JsonObject vectors) throws IOException, GeneralSecurityException {
        for (JsonObject each : vectors.objects("keys")) {
            Jwk key = Jwk.parse(each.object("jwk"));
            same("what is hashed", each.string("hashed"), key.json().toString());
            same("thumbprint", each.string("thumbprint"), key.thumbprint());
        }
    }

    private void dpop(JsonObject vectors) throws IOException, GeneralSecurityException {
        SoftwareKey key = SoftwareKey.parse(vectors.object("device_key"));
        byte[] body = vectors.string("body").getBytes(StandardCharsets.UTF_8);
        String proof = vectors.string("proof");
        same("thumbprint", vectors.string("thumbprint"), key.publicKey().thumbprint());
        same("parts", proof, vectors.string("signing_input") + "." + vectors.string("signature"));
        signed(proof, key.publicKey(), vectors.string("payload"));
        JsonObject claims = parsed(vectors.string("payload"));
        String own = Proof.of(key, vectors.string("method"), vectors.string("url"), vectors.string("nonce"),
                vectors.string("access_token"), body);
        verified(own, key.publicKey());
        same("header", parsed(vectors.string("header")), Jws.parse(own).header());
        JsonObject ownClaims = JsonObject.parse(Jws.parse(own).payload());
        same("claims", without(claims, "jti", "iat"), without(ownClaims, "jti", "iat"));
    }

    private void registration(JsonObject vectors) throws IOException, GeneralSecurityException {
        SoftwareKey key = SoftwareKey.parse(vectors.object("device_key"));
        String given = vectors.string("registration");
        signed(given, key.publicKey(), vectors.string("payload"));
        same("hash", vectors.string("registration_sha256"), Base64Url.ofSha256(given));
        JsonObject payload = parsed(vectors.string("payload"));
        alike(given, orders().registration(key, payload.string("ticket"), payload.string("name"),
                payload.string("platform")), key.publicKey());
    }

    private void order(JsonObject vectors) throws IOException, GeneralSecurityException {
        SoftwareKey device = SoftwareKey.parse(vectors.object("device_key"));
        for (JsonObject each : vectors.objects("orders")) {
            SoftwareKey key = SoftwareKey.parse(vectors.object(each.string("signed_by")));
            String given = each.string("order");
            JsonObject payload = parsed(each.string("payload"));
            signed(given, key.publicKey(), each.string("payload"));
            same("hash", each.string("order_sha256"), Base64Url.ofSha256(given));
            String purpose = payload.string("purpose");
            alike(given, payload.has("jwk")
                    ? orders().order(key, purpose, Jwk.parse(payload.object("jwk")))
                    : orders().order(key, purpose), key.publicKey());
            boolean byAnother = key.publicKey().thumbprint().equals(device.publicKey().thumbprint());
            same("by the device key", byAnother, Jws.parse(given).verify(device.publicKey()));
        }
    }

    private void rotation(JsonObject vectors) throws IOException, GeneralSecurityException {
        SoftwareKey old = SoftwareKey.parse(vectors.object("old_key"));
        SoftwareKey next = SoftwareKey.parse(vectors.object("new_key"));
        String byOld = vectors.string("order");
        String byNew = vectors.string("order_by_new_key");
        signed(byOld, old.publicKey(), vectors.string("payload"));
        signed(byNew, next.publicKey(), vectors.string("payload"));
        same("hash", vectors.string("order_sha256"), Base64Url.ofSha256(byOld));
        same("hash", vectors.string("order_by_new_key_sha256"), Base64Url.ofSha256(byNew));
        String again = Jws.signAgain(next, byOld);
        verified(again, next.publicKey());
        same("header and payload", byNew.substring(0, byNew.lastIndexOf('.')),
                again.substring(0, again.lastIndexOf('.')));
    }

    private void request(JsonObject vectors) throws IOException, GeneralSecurityException, UntrustedException {
        Jwk server = SoftwareKey.parse(vectors.object("server_key")).publicKey();
        String given = vectors.string("request");
        Map<String, Jwk> keys = Map.of(vectors.string("kid"), server);
        signed(given, server, vectors.string("payload"));
        same("hash", vectors.string("request_sha256"), Base64Url.ofSha256(given));
        RequestObject shown = RequestObject.verify(given, keys, AUDIENCE, DEVICE, REQUEST);
        same("title", "Adresse ändern", shown.title().de());
        same("label", "New address", shown.fields().get(0).label().en());
        same("value", "Am Deich 1, 26721 Emden", shown.fields().get(0).value());
        same("risk", true, shown.highRisk());
        same("match code", 3L, shown.matchCode());
        same("refused", 0L, shown.refused());
        untrusted("another phone", () -> RequestObject.verify(given, keys, AUDIENCE, REQUEST, REQUEST));
        untrusted("another request", () -> RequestObject.verify(given, keys, AUDIENCE, DEVICE, DEVICE));
        untrusted("another server", () -> RequestObject.verify(given, keys, AUDIENCE + "/", DEVICE, REQUEST));
        untrusted("another key", () -> RequestObject.verify(given, Map.of(), AUDIENCE, DEVICE, REQUEST));
        forged(SoftwareKey.parse(vectors.object("server_key")), vectors, keys);
    }

    /** Signed by the server's own key, and still not to be approved. */
    private void forged(SoftwareKey server, JsonObject vectors, Map<String, Jwk> keys)
            throws IOException, GeneralSecurityException {
        JsonObject payload = parsed(vectors.string("payload"));
        JsonObject header = Jws.parse(vectors.string("request")).header();
        for (JsonObject wrong : List.of(
                parsed(payload.toString()).with("note", "x"),
                without(payload, "refused"),
                without(payload, "v").with("v", 2),
                without(payload, "match_code").with("match_code", "3"))) {
            String signed = Jws.sign(server, header, wrong);
            untrusted("a changed payload", () -> RequestObject.verify(signed, keys, AUDIENCE, DEVICE, REQUEST));
        }
        String otherType = Jws.sign(server, without(header, "typ").with("typ", "JWT"), payload);
        untrusted("another type", () -> RequestObject.verify(otherType, keys, AUDIENCE, DEVICE, REQUEST));
        String byAnother = Jws.sign(SoftwareKey.generate(), header, payload);
        untrusted("a wrong signature", () -> RequestObject.verify(byAnother, keys, AUDIENCE, DEVICE, REQUEST));
    }

    private void answer(JsonObject vectors) throws IOException, GeneralSecurityException {
        SoftwareKey key = SoftwareKey.parse(vectors.object("device_key"));
        JsonObject request = JsonObject.parse(Files.readAllBytes(directory.resolve("request.json")));
        String shown = request.string("request");
        same("request", vectors.string("request_sha256"), Base64Url.ofSha256(shown));
        for (String list : List.of("answers", "denials")) {
            for (JsonObject each : vectors.objects(list)) {
                signed(each.string("answer"), key.publicKey(), each.string("payload"));
                same("hash", each.string("answer_sha256"), Base64Url.ofSha256(each.string("answer")));
            }
        }
        for (JsonObject each : vectors.objects("answers")) {
            JsonObject payload = parsed(each.string("payload"));
            String own = payload.string("decision").equals("approve")
                    ? orders().approval(key, shown, payload.string("match_code"))
                    : orders().denial(key, shown, payload.string("reason").equals("not_me"));
            alike(each.string("answer"), own, key.publicKey());
        }
        String denial = orders().denial(key, shown, false);
        same("bytes of a denial", Answer.SIZE, Answer.padded(denial, null).utf8().length);
        JsonObject seal = JsonObject.parse(Files.readAllBytes(directory.resolve("seal.json")));
        JsonObject password = seal.object("sealed");
        same("bytes of an approval", Answer.SIZE, Answer.padded(denial, password).utf8().length);
    }

    private void seal(JsonObject vectors) throws IOException, GeneralSecurityException {
        Jwk receiver = SoftwareKey.parse(vectors.object("seal_key")).publicKey();
        Hpke hpke = new Hpke(receiver, SoftwareKey.parse(vectors.object("ephemeral_key")));
        Map<String, byte[]> values = Map.of("enc", hpke.enc, "dh", hpke.dh, "eae_prk", hpke.eaePrk,
                "shared_secret", hpke.sharedSecret, "psk_id_hash", hpke.pskIdHash, "info_hash", hpke.infoHash,
                "context", hpke.context, "secret", hpke.secret, "key", hpke.key, "base_nonce", hpke.baseNonce);
        for (Map.Entry<String, byte[]> value : values.entrySet()) {
            same(value.getKey(), vectors.string(value.getKey()), HexFormat.of().formatHex(value.getValue()));
        }
        String order = vectors.string("order");
        signed(order, SoftwareKey.parse(vectors.object("device_key")).publicKey(), vectors.string("payload"));
        same("hash", vectors.string("order_sha256"), Base64Url.ofSha256(order));
        byte[] aad = Sealer.aad(DEVICE, vectors.string("purpose"), order);
        same("aad", vectors.string("aad"), new String(aad, StandardCharsets.US_ASCII));
        same("purpose", vectors.string("purpose"), Sealer.PASSWORD);
        try (Secret secret = new Secret(vectors.string("plaintext").toCharArray())) {
            byte[] ct = hpke.seal(aad, secret.utf8());
            same("ct", vectors.string("ct"), HexFormat.of().formatHex(ct));
            JsonObject kid = receiver.json().with("kid", vectors.object("sealed").string("kid"));
            same("sealed", vectors.object("sealed"), new Sealer(kid).sealed(hpke.enc, ct));
        }
    }

    /** What the orders of the vectors carry. */
    private static final String NONCE = "AX8yq0dmV1Jm9k2w";

    private static Orders orders() {
        return new Orders(AUDIENCE, DEVICE, NONCE);
    }

    private void signed(String compact, Jwk key, String payload) throws MalformedException, GeneralSecurityException {
        verified(compact, key);
        same("payload", payload, new String(Jws.parse(compact).payload(), StandardCharsets.UTF_8));
    }

    private void verified(String compact, Jwk key) throws MalformedException, GeneralSecurityException {
        same("signature", true, Jws.parse(compact).verify(key));
        char first = compact.charAt(compact.lastIndexOf('.') + 1);
        String altered = compact.substring(0, compact.lastIndexOf('.') + 1) + (first == 'A' ? 'B' : 'A')
                + compact.substring(compact.lastIndexOf('.') + 2);
        same("altered signature", false, Jws.parse(altered).verify(key));
    }

    /** What this phone makes says the same as the vector, but for the time. */
    private void alike(String given, String own, Jwk key) throws MalformedException, GeneralSecurityException {
        verified(own, key);
        same("header", sorted(Jws.parse(given).header()), sorted(Jws.parse(own).header()));
        same("own payload", without(JsonObject.parse(Jws.parse(given).payload()), "iat"),
                without(JsonObject.parse(Jws.parse(own).payload()), "iat"));
    }

    private static JsonObject parsed(String json) throws MalformedException {
        return JsonObject.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    private static JsonObject without(JsonObject object, String... names) {
        JsonObject rest = new JsonObject();
        object.members().forEach((name, value) -> {
            if (!Arrays.asList(names).contains(name)) {
                rest.with(name, value);
            }
        });
        return rest;
    }

    private static JsonObject sorted(JsonObject object) {
        JsonObject rest = new JsonObject();
        new TreeSet<>(object.members().keySet()).forEach(name -> rest.with(name, object.members().get(name)));
        return rest;
    }

    /** Something that must be refused. */
    private interface Refused {
        void run() throws UntrustedException;
    }

    private void untrusted(String what, Refused refused) {
        try {
            refused.run();
        } catch (UntrustedException e) {
            checks++;
            return;
        }
        throw new AssertionError("trusted: " + what);
    }

    private void same(String what, Object want, Object got) {
        if (!want.equals(got)) {
            throw new AssertionError(what + ": want " + want + ", got " + got);
        }
        checks++;
    }
}
