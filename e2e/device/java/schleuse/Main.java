package schleuse;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;

/**
 * The phone for scripts. It prints one line of JSON; when the server says no it prints the word of the
 * problem to the standard error and ends with {@value #REFUSED}.
 *
 * <pre>
 * key          [--base URL]
 * proof        --url TOKEN-ENDPOINT
 * enrol        --token-file F --name NAME [--platform other] [--replaces ID] --password-file F
 * set-pin      --password-file F --pin-file F
 * open         --pin-file F | --biometric
 * inbox        [--wait SECONDS] [--mark MARK]
 * show ID
 * approve ID   --password-file F [--code DIGITS]
 * deny ID      [--not-me]
 * rotate       --password-file F
 * unlock       --token-file F --new-password-file F
 * set-password --password-file F --new-password-file F
 * set-biometric --password-file F
 * set-login-password --password-file F --login-password-file F
 * self, devices, block [ID]
 * </pre>
 *
 * All take {@code --state FILE} and, for tests on one machine, {@code --connect-to host:port:address:port}. Secrets
 * come from files or, with {@code -}, from the standard input. {@code approve} and {@code deny} answer what
 * {@code show} showed last.
 */
public final class Main {
    private static final int USAGE = 2;
    private static final int REFUSED = 3;
    private static final int UNANSWERED = 4;
    private static final int UNTRUSTED = 5;

    private final Arguments arguments;
    private final State state;
    private final Phone phone;

    private Main(Arguments arguments) throws IOException, GeneralSecurityException {
        this.arguments = arguments;
        state = State.load(Path.of(arguments.required("--state")));
        if (arguments.word(0).equals("key") && state.key == null) {
            state.base = arguments.required("--base");
            state.key = SoftwareKey.generate();
            state.save();
        }
        if (state.base == null || state.key == null) {
            throw new IllegalArgumentException("this phone is not registered");
        }
        Wire wire = new Wire(arguments.optional("--connect-to", null));
        phone = new Phone(state.base, wire, state.key, state.id);
        phone.calls().opened(state.opened);
    }

    public static void main(String[] args) {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        try {
            Main main = new Main(new Arguments(args));
            out.println(main.play());
        } catch (IllegalArgumentException e) {
            end(USAGE, e.getMessage());
        } catch (ProblemException e) {
            end(REFUSED, e.word());
        } catch (IOException e) {
            end(UNANSWERED, "no answer: " + e);
        } catch (UntrustedException e) {
            end(UNTRUSTED, "untrusted: " + e.getMessage());
        } catch (GeneralSecurityException e) {
            end(1, e.toString());
        }
    }

    private static void end(int status, String why) {
        System.err.println(why);
        System.exit(status);
    }

    /** The state is kept whatever comes of the command: the nonce and the open app are newer in any case. */
    private JsonObject play() throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        try {
            if (state.nextKey != null) {
                phone.settle(state.nextKey);
                settled();
            }
            JsonObject result = command(arguments.word(0));
            return result == null ? new JsonObject() : result;
        } finally {
            state.id = phone.id();
            state.opened = phone.calls().opened();
            state.save();
        }
    }

    private JsonObject command(String name)
            throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        switch (name) {
            case "key":
                return phone.asks();
            case "proof":
                return new JsonObject().with("dpop", phone.provesTo(arguments.required("--url")));
            case "enrol":
            case "unlock":
                return identified(name);
            case "self":
                return phone.self();
            case "devices":
                return phone.devices();
            case "open":
                return open();
            case "inbox":
                return phone.inbox(Integer.parseInt(arguments.optional("--wait", "0")),
                        arguments.optional("--mark", null));
            case "show":
                return show(arguments.word(1));
            case "deny":
                return phone.deny(arguments.word(1), shown(arguments.word(1)), arguments.has("--not-me"));
            case "block":
                phone.block(arguments.word(1, state.id));
                return null;
            default:
                return proven(name);
        }
    }

    private JsonObject identified(String name) throws IOException, GeneralSecurityException, ProblemException {
        if (name.equals("unlock")) {
            try (Secret word = arguments.secret("--new-password-file")) {
                return phone.unlock(arguments.token(), word);
            }
        }
        try (Secret word = arguments.secret("--password-file")) {
            return phone.enrol(arguments.token(), arguments.required("--name"),
                    arguments.optional("--platform", "other"),
                    arguments.optional("--replaces", null), word);
        }
    }

    /** The commands that the device password goes with. */
    private JsonObject proven(String name)
            throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        try (Secret word = arguments.secret("--password-file")) {
            switch (name) {
                case "approve":
                    return phone.approve(arguments.word(1), shown(arguments.word(1)),
                            arguments.optional("--code", null), word);
                case "rotate":
                    return rotate(word);
                case "set-biometric":
                    state.biometricKey = SoftwareKey.generate();
                    phone.setBiometricKey(state.biometricKey, word);
                    return null;
                default:
                    return change(name, word);
            }
        }
    }

    private JsonObject change(String name, Secret word) throws IOException, GeneralSecurityException, ProblemException {
        switch (name) {
            case "set-pin":
                try (Secret pin = arguments.secret("--pin-file")) {
                    phone.setPin(word, pin);
                    return null;
                }
            case "set-password":
                try (Secret next = arguments.secret("--new-password-file")) {
                    phone.setPassword(word, next);
                    return null;
                }
            case "set-login-password":
                try (Secret login = arguments.secret("--login-password-file")) {
                    phone.setLoginPassword(word, login);
                    return null;
                }
            default:
                throw new IllegalArgumentException("unknown command: " + name);
        }
    }

    private JsonObject open() throws IOException, GeneralSecurityException, ProblemException {
        if (arguments.has("--biometric")) {
            if (state.biometricKey == null) {
                throw new IllegalArgumentException("no biometric key: set-biometric");
            }
            phone.open(state.biometricKey);
            return null;
        }
        try (Secret pin = arguments.secret("--pin-file")) {
            phone.open(pin);
            return null;
        }
    }

    /** Keeps what it could not verify, too: that may be denied. */
    private JsonObject show(String id)
            throws IOException, GeneralSecurityException, ProblemException, UntrustedException {
        state.shownId = id;
        state.shown = phone.request(id);
        return phone.verify(id, state.shown).json();
    }

    private String shown(String id) {
        if (!id.equals(state.shownId)) {
            throw new IllegalArgumentException("not shown last: show it first");
        }
        return state.shown;
    }

    /** The new key is written down before the server may know it. */
    private JsonObject rotate(Secret word) throws IOException, GeneralSecurityException, ProblemException {
        state.nextKey = SoftwareKey.generate();
        state.save();
        try {
            phone.rotate(state.nextKey, word);
        } catch (ProblemException refused) {
            if (refused.status() < 500) {
                state.nextKey = null;
            }
            throw refused;
        }
        settled();
        return null;
    }

    private void settled() {
        state.key = phone.key() == state.nextKey ? state.nextKey : state.key;
        state.nextKey = null;
    }
}
