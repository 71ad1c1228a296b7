// Package relying is an OpenID Connect relying party with sessions on the
// server: login by code and PKCE, sessions that all replicas share, refresh of
// their tokens, log-out from here and from the provider. It owns how a browser
// comes to a session and how one ends. It must not know what a session is good
// for, nor the gate, the flow or Keycloak's Admin API: its issuer is any OpenID
// provider.
//
// # How long a session lives
//
// Until it was idle or has lasted for too long, until its tokens have ended
// and cannot be refreshed, or until somebody ends it: the person by log-out
// (here: at once; on other replicas within a second), the provider by
// back-channel log-out or by refusing a refresh. A store or a provider that
// does not answer ends nothing: the answer is 503 with Retry-After.
package relying
