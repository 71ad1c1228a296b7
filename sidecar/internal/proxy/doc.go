// Package proxy stands in front of a site (the WebCenter): a relying party of
// the realm and a reverse proxy that gives the site identity headers. It owns
// what passes to the site and what does not. It must not know how sessions come
// and go (package relying), nor the gate, the flow or Keycloak's Admin API.
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
// # How long a connection lives
//
// As long as its session (see package relying). Open WebSockets and streams are
// cut when it ends; while they are open their tokens are refreshed, but they do
// not count as use.
package proxy
