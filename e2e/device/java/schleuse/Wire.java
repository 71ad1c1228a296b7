package schleuse;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Sends bytes and reads the answer. It follows no redirect, keeps no cookie, and reads at most
 * {@value #MAX_BODY} bytes. TLS is verified as the platform does.
 */
final class Wire {
    private static final int MAX_BODY = 1 << 20;
    private static final Duration CONNECT = Duration.ofSeconds(10);

    /** An answer as it came. */
    record Reply(int status, Map<String, String> headers, byte[] body) {
        /** The name in lower case; null if there is none. */
        String header(String name) {
            return headers.get(name);
        }
    }

    private final HttpClient http;
    private final String host;
    private final String address;

    /**
     * @param connectTo null, or {@code host:port:address:port} as with curl: where the host before is found. The
     *     JVM's resolver knows no {@code *.localhost}, so tests on one machine need it, without TLS; host and
     *     proofs stay those of the public address.
     */
    Wire(String connectTo) {
        String[] parts = connectTo == null ? null : connectTo.split(":");
        if (parts != null && parts.length != 4) {
            throw new IllegalArgumentException("connect to is host:port:address:port");
        }
        if (parts != null) {
            System.setProperty("jdk.httpclient.allowRestrictedHeaders", "host"); // read when the first client is made
        }
        host = parts == null ? null : parts[0] + ":" + parts[1];
        address = parts == null ? null : parts[2] + ":" + parts[3];
        http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT)
                .build();
    }

    Reply send(String method, String url, Map<String, String> headers, byte[] body, Duration patience)
            throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder()
                .method(method, body == null
                        ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body))
                .timeout(patience);
        headers.forEach(request::header);
        String direct = host == null ? null : "http://" + host + "/";
        if (direct != null && url.startsWith(direct)) {
            request.header("Host", host);
            request.uri(URI.create("http://" + address + "/" + url.substring(direct.length())));
        } else {
            request.uri(URI.create(url));
        }
        try {
            return read(http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        }
    }

    private static Reply read(HttpResponse<InputStream> response) throws IOException {
        Map<String, String> headers = new HashMap<>();
        response.headers().map().forEach((name, values) -> headers.put(name.toLowerCase(Locale.ROOT), values.get(0)));
        try (InputStream in = response.body()) {
            byte[] body = in.readNBytes(MAX_BODY + 1);
            if (body.length > MAX_BODY) {
                throw new MalformedException("an answer without end");
            }
            return new Reply(response.statusCode(), headers, body);
        }
    }
}
