// Package proxy stands in front of a site (the WebCenter): an OIDC client of
// the realm and a reverse proxy that gives the site identity headers. It owns
// the site's sessions. It must not know the gate, the flow or Keycloak's Admin
// API: its issuer is any OpenID provider.
//
// # What the application may rely on
//
// A request reaches it only with a session whose access token is good. The
// configured identity headers come from the proxy alone: every spelling of
// them that a client sent (any case, any other character in place of "-") is
// removed, in trailers too, and so are Authorization, the forwarding headers
// and the proxy's own cookies. A header whose value is empty is not sent.
// Bytes of a value that are not printable ASCII, and "%", are percent-encoded.
// X-Forwarded-Proto and -Host are those of the public URL; X-Forwarded-For is
// one address, the client's. Path, query and body pass as they came.
//
// # How long a session lives
//
// Until it was idle or has lasted for too long, until its tokens have ended
// and cannot be refreshed, or until somebody ends it: the person by log-out
// (here: at once; on other replicas within a second), the provider by
// back-channel log-out or by refusing a refresh. Open WebSockets and streams
// are cut then; while they are open their tokens are refreshed, but they do
// not count as use. A store or a provider that does not answer ends nothing:
// the answer is 503 with Retry-After.
package proxy
