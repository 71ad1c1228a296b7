package schleuse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line: a command, perhaps an id, and {@code --name value}. */
final class Arguments {
    private static final Set<String> FLAGS = Set.of("--not-me", "--biometric");
    private static final Set<String> OPTIONS = Set.of("--state", "--connect-to", "--base", "--url", "--replaces", "--name", "--platform",
            "--token-file", "--password-file", "--new-password-file", "--login-password-file", "--pin-file",
            "--code", "--wait", "--mark");

    private final List<String> words = new ArrayList<>();
    private final Map<String, String> options = new HashMap<>();

    Arguments(String[] args) {
        for (int i = 0; i < args.length; i++) {
            if (FLAGS.contains(args[i])) {
                options.put(args[i], "");
            } else if (OPTIONS.contains(args[i]) && i + 1 < args.length) {
                options.put(args[i], args[++i]);
            } else if (args[i].startsWith("--")) {
                throw new IllegalArgumentException("unknown option or no value: " + args[i]);
            } else {
                words.add(args[i]);
            }
        }
    }

    String word(int i) {
        if (i >= words.size()) {
            throw new IllegalArgumentException(i == 0 ? "no command" : "no id");
        }
        return words.get(i);
    }

    String word(int i, String otherwise) {
        return i < words.size() ? words.get(i) : otherwise;
    }

    boolean has(String option) {
        return options.containsKey(option);
    }

    String optional(String option, String otherwise) {
        return options.getOrDefault(option, otherwise);
    }

    String required(String option) {
        if (!has(option)) {
            throw new IllegalArgumentException(option + " is missing");
        }
        return options.get(option);
    }

    /** A secret from a file, or from the standard input with {@code -}; one newline at its end is not part of it. */
    Secret secret(String option) throws IOException {
        return new Secret(characters(required(option)));
    }

    /** Checked here, since a client that refuses it as a header would print it. */
    String token() throws IOException {
        String token = new String(characters(required("--token-file")));
        if (!token.matches("[A-Za-z0-9._~+/=-]+")) {
            throw new IllegalArgumentException("--token-file holds no access token");
        }
        return token;
    }

    private static char[] characters(String file) throws IOException {
        byte[] bytes;
        try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
            bytes = in.readAllBytes();
        }
        char[] characters = StandardCharsets.UTF_8.decode(ByteBuffer.wrap(bytes)).toString().toCharArray();
        Arrays.fill(bytes, (byte) 0);
        int length = characters.length;
        return length > 0 && characters[length - 1] == '\n' ? Arrays.copyOf(characters, length - 1) : characters;
    }
}
