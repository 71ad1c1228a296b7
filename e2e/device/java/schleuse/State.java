package schleuse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;

/**
 * What stays between two commands: a file that only its owner reads, replaced as a whole. It holds keys and
 * the token of the open app, which a real app never writes down; see {@link Signer}.
 */
final class State {
    private final Path file;
    String base;
    String id;
    SoftwareKey key;
    SoftwareKey nextKey;
    SoftwareKey biometricKey;
    String opened;
    String shownId;
    String shown;

    State(Path file) {
        this.file = file;
    }

    /** A file that is not there is a phone that is not registered. */
    static State load(Path file) throws IOException, GeneralSecurityException {
        State state = new State(file);
        JsonObject json;
        try {
            json = JsonObject.parse(Files.readAllBytes(file));
        } catch (NoSuchFileException e) {
            return state;
        }
        state.base = text(json, "base");
        state.id = text(json, "id");
        state.key = key(json, "key");
        state.nextKey = key(json, "next_key");
        state.biometricKey = key(json, "biometric_key");
        state.opened = text(json, "opened");
        state.shownId = text(json, "shown_id");
        state.shown = text(json, "shown");
        return state;
    }

    void save() throws IOException {
        JsonObject json = new JsonObject();
        put(json, "base", base);
        put(json, "id", id);
        put(json, "key", key == null ? null : key.json());
        put(json, "next_key", nextKey == null ? null : nextKey.json());
        put(json, "biometric_key", biometricKey == null ? null : biometricKey.json());
        put(json, "opened", opened);
        put(json, "shown_id", shownId);
        put(json, "shown", shown);
        Path directory = file.toAbsolutePath().getParent();
        Path written = Files.createTempFile(directory, "phone", ".json",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(written, json.utf8());
        Files.move(written, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void put(JsonObject json, String name, Object value) {
        if (value != null) {
            json.with(name, value);
        }
    }

    private static String text(JsonObject json, String name) throws MalformedException {
        return json.has(name) ? json.string(name) : null;
    }

    private static SoftwareKey key(JsonObject json, String name) throws MalformedException, GeneralSecurityException {
        return json.has(name) ? SoftwareKey.parse(json.object(name)) : null;
    }
}
