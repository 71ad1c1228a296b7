package schleuse;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * A phone: what an app does, one method for each thing a person does. Not for several threads at once.
 *
 * <p>Every method throws {@link ProblemException} when the server says no, {@link IOException} when there is
 * no answer that can be read, and {@link GeneralSecurityException} when the platform does not sign.
 */
public final class Phone {
    private static final String ID = "[a-z2-7]{26}";

    private final String base;
    private final Calls calls;
    private Signer key;
    private String id;
    private Sealer sealer;

    /**
     * @param base the address that the app has built in, {@code …/schleuse/device/v1}, without a slash at the end
     * @param id null before {@link #enrol}
     */
    Phone(String base, Wire wire, Signer key, String id) {
        this.base = base;
        this.calls = new Calls(base, wire);
        this.key = key;
        this.id = id;
    }

    public String id() {
        return id;
    }

    Signer key() {
        return key;
    }

    Calls calls() {
        return calls;
    }

    /** A body whose secrets are sealed with what {@code GET /keys} says now. */
    private interface Sealed {
        JsonObject body(Sealer sealer) throws GeneralSecurityException;
    }

    /** What the login is asked with before {@link #enrol} and {@link #unlock} (§7.2): the proof is for this key. */
    public JsonObject asks() {
        return new JsonObject().with("acr_values", "urn:schleuse:enrol").with("dpop_jkt", key.publicKey().thumbprint());
    }

    /** The header {@code DPoP} of the call that redeems the login's code (§7.2). */
    public String provesTo(String tokenEndpoint) throws GeneralSecurityException {
        return Proof.of(key, "POST", tokenEndpoint, null, null, null);
    }

    /**
     * Registers the phone (§7.2). The person has just logged in, asked with {@link #asks}. On Android the key's
     * alias is kept before that: the login may take long, and an answer may be lost.
     *
     * @param replaces the phone of the person whose place this one takes, or null
     * @return the device
     */
    public JsonObject enrol(String token, String name, String platform, String replaces, Secret password)
            throws IOException, GeneralSecurityException, ProblemException {
        Calls.Call begin = Calls.Call.of("POST", "/enrolments", instead(new JsonObject(), replaces));
        JsonObject room = calls.send(key, begin.withToken(token));
        id = checked(room.string("device_id"));
        sealer = new Sealer(room.object("seal_key"));
        String ticket = room.string("ticket");
        Sealed registration = to -> {
            String message = orders().registration(key, ticket, name, platform);
            return instead(new JsonObject(), replaces)
                    .with("registration", message)
                    .with("new_password", to.seal(id, Sealer.NEW_PASSWORD, message, password));
        };
        try {
            return send("POST", "/devices", token, registration);
        } catch (IOException lost) {
            return registered(token, registration);
        }
    }

    private static JsonObject instead(JsonObject body, String replaces) {
        return replaces == null ? body : body.with("replaces", checked(replaces));
    }

    private JsonObject registered(String token, Sealed registration)
            throws IOException, GeneralSecurityException, ProblemException {
        try {
            return self();
        } catch (ProblemException e) {
            if (!e.is("device_unknown")) {
                throw e;
            }
            return send("POST", "/devices", token, registration);
        }
    }

    /** Sets a new device password after a new identification, for a locked phone or a forgotten word (§7.3). */
    public JsonObject unlock(String token, Secret newPassword)
            throws IOException, GeneralSecurityException, ProblemException {
        return send("POST", "/devices/" + checked(id) + "/unlock", token, to -> {
            String order = orders().order(key, "unlock");
            return new JsonObject()
                    .with("order", order)
                    .with("new_password", to.seal(id, Sealer.NEW_PASSWORD, order, newPassword));
        });
    }

    public JsonObject self() throws IOException, GeneralSecurityException, ProblemException {
        return calls.send(key, Calls.Call.get("/self"));
    }

    public void setPin(Secret password, Secret pin) throws IOException, GeneralSecurityException, ProblemException {
        change("/self/pin", "set-pin", password, Sealer.PIN, "pin", pin);
    }

    public void setPassword(Secret password, Secret newPassword)
            throws IOException, GeneralSecurityException, ProblemException {
        change("/self/password", "set-password", password, Sealer.NEW_PASSWORD, "new_password", newPassword);
    }

    private void change(String path, String purpose, Secret password, String sealedFor, String member, Secret secret)
            throws IOException, GeneralSecurityException, ProblemException {
        send("PUT", path, null, to -> {
            String order = orders().order(key, purpose);
            return proven(to, order, password).with(member, to.seal(id, sealedFor, order, secret));
        });
    }

    /** Possible once, after "that was not me" on this phone (§7.9). */
    public void setLoginPassword(Secret password, Secret loginPassword)
            throws IOException, GeneralSecurityException, ProblemException {
        send("POST", "/self/login-password", null, to -> {
            String order = orders().order(key, "login-password");
            return proven(to, order, password)
                    .with("login_password", to.seal(id, Sealer.LOGIN_PASSWORD, order, loginPassword));
        });
    }

    /** Makes the biometric key known; from then on it opens the app, and nothing else. */
    public void setBiometricKey(Signer biometric, Secret password)
            throws IOException, GeneralSecurityException, ProblemException {
        send("PUT", "/self/biometric", null, to ->
                proven(to, orders().order(key, "set-biometric", biometric.publicKey()), password));
    }

    /**
     * Changes the device key. Both are kept until one of them answers; {@link #key()} is then that one.
     *
     * @param next on Android made under an alias of its own
     */
    public void rotate(Signer next, Secret password)
            throws IOException, GeneralSecurityException, ProblemException {
        try {
            send("PUT", "/self/key", null, to -> {
                String order = orders().order(key, "rotate-key", next.publicKey());
                return proven(to, order, password).with("order_by_new_key", Jws.signAgain(next, order));
            });
            key = next;
        } catch (IOException lost) {
            settle(next);
        }
    }

    /** Finds out which key the server knows, after a rotation whose answer was lost. */
    void settle(Signer next) throws IOException, GeneralSecurityException, ProblemException {
        try {
            calls.send(next, Calls.Call.get("/self"));
            key = next;
        } catch (ProblemException e) {
            if (!e.is("device_unknown")) {
                throw e;
            }
            self();
        }
    }

    /** Opens the app by PIN (§7.5). */
    public void open(Secret pin) throws IOException, GeneralSecurityException, ProblemException {
        opened(send("POST", "/self/open", null, to -> {
            String order = orders().order(key, "open");
            return new JsonObject().with("order", order).with("pin", to.seal(id, Sealer.PIN, order, pin));
        }));
    }

    /**
     * Opens the app by the biometric key; on Android its signature waits for {@code BiometricPrompt}, so after
     * {@code stale_order} the person is asked again.
     */
    public void open(Signer biometric) throws IOException, GeneralSecurityException, ProblemException {
        calls.renewNonce(key);
        JsonObject body = new JsonObject().with("order", orders().order(biometric, "open"));
        opened(calls.send(key, Calls.Call.of("POST", "/self/open", body)));
    }

    private void opened(JsonObject answer) throws MalformedException {
        calls.opened(answer.string("opened"));
    }

    /**
     * What waits for the person (§7.6). A push is only a reason to ask here.
     *
     * @param seconds 0 to 60: how long to wait for something that differs from the mark
     * @param mark of the answer before, or null
     */
    public JsonObject inbox(int seconds, String mark) throws IOException, GeneralSecurityException, ProblemException {
        String query = "?wait=" + seconds;
        if (mark != null) {
            query += "&mark=" + URLEncoder.encode(mark, StandardCharsets.UTF_8);
        }
        return calls.send(key, Calls.Call.get("/inbox").waiting(query, Duration.ofSeconds(seconds)));
    }

    /** Fetches a request object as the characters that are hashed later. The app must be open. */
    public String request(String request) throws IOException, GeneralSecurityException, ProblemException {
        return calls.send(key, Calls.Call.get("/requests/" + checked(request))).string("request");
    }

    /**
     * Verifies what is to be shown. An app shows nothing of a request object before this.
     *
     * @throws UntrustedException offer "deny" and an update, never "approve"
     */
    public RequestObject verify(String request, String compact)
            throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        Map<String, Jwk> keys = new HashMap<>();
        for (JsonObject each : fetchKeys().object("request_keys").objects("keys")) {
            keys.put(each.string("kid"), Jwk.parse(each));
        }
        return RequestObject.verify(compact, keys, base, id, request);
    }

    /**
     * Approves what was shown (§7.8).
     *
     * @param shown the characters of {@link #request} that the person saw, never fetched again
     * @param matchCode as typed; null exactly when the request asks for none
     * @return {@code state} and perhaps {@code reason}
     */
    public JsonObject approve(String request, String shown, String matchCode, Secret password)
            throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        boolean asked = verify(request, shown).matchCode() > 0;
        if (asked != (matchCode != null) || (asked && !matchCode.matches("[0-9]{1,6}"))) {
            throw new IllegalArgumentException("the match code is typed when it is asked for, 1 to 6 digits");
        }
        return answer(request, to -> {
            String answer = orders().approval(key, shown, matchCode);
            return Answer.padded(answer, to.seal(id, Sealer.PASSWORD, answer, password));
        });
    }

    /** Denies; also what could not be verified. No password goes with it. */
    public JsonObject deny(String request, String shown, boolean notMe)
            throws IOException, GeneralSecurityException, ProblemException {
        return answer(request, to -> Answer.padded(orders().denial(key, shown, notMe), null));
    }

    private JsonObject answer(String request, Sealed answer)
            throws IOException, GeneralSecurityException, ProblemException {
        return send("POST", "/requests/" + checked(request) + "/answer", null, answer);
    }

    /** Blocks a phone of the person, this one or another, for ever. */
    public void block(String device) throws IOException, GeneralSecurityException, ProblemException {
        calls.send(key, Calls.Call.of("POST", "/devices/" + checked(device) + "/block", null));
    }

    public JsonObject devices() throws IOException, GeneralSecurityException, ProblemException {
        return calls.send(key, Calls.Call.get("/devices"));
    }

    private Orders orders() {
        return new Orders(base, checked(id), calls.nonce());
    }

    private JsonObject proven(Sealer to, String order, Secret password) throws GeneralSecurityException {
        return new JsonObject()
                .with("order", order)
                .with("password", to.seal(id, Sealer.PASSWORD, order, password));
    }

    private JsonObject fetchKeys() throws IOException, GeneralSecurityException, ProblemException {
        JsonObject keys = calls.fetch("/keys");
        sealer = new Sealer(keys.object("seal_key"));
        return keys;
    }

    /**
     * Signs with a new nonce, and again, once, when the seal key had changed or the order was too old; sends
     * an answer that was lost again as it was.
     */
    private JsonObject send(String method, String path, String token, Sealed sealed)
            throws IOException, GeneralSecurityException, ProblemException {
        if (sealer == null) {
            fetchKeys();
        }
        try {
            calls.renewNonce(key);
            return sendOnce(method, path, token, sealed.body(sealer));
        } catch (ProblemException e) {
            if (!e.is("seal_key") && !e.is("stale_order")) {
                throw e;
            }
            fetchKeys();
            calls.renewNonce(key);
            return sendOnce(method, path, token, sealed.body(sealer));
        }
    }

    private JsonObject sendOnce(String method, String path, String token, JsonObject body)
            throws IOException, GeneralSecurityException, ProblemException {
        Calls.Call call = Calls.Call.of(method, path, body).withToken(token);
        try {
            return calls.send(key, call);
        } catch (IOException lost) {
            if (!path.endsWith("/answer")) {
                throw lost;
            }
            return calls.send(key, call);
        }
    }

    /** Ids go into paths: nothing else than an id may. */
    private static String checked(String id) {
        if (id == null || !id.matches(ID)) {
            throw new IllegalArgumentException("no id of 26 characters a-z2-7");
        }
        return id;
    }
}
