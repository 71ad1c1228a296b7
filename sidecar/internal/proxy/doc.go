// Package proxy stands in front of a site (the WebCenter): an OIDC client of
// the realm and a reverse proxy that gives the site identity headers. It owns
// the site's sessions. It must not know the gate, the flow or Keycloak's Admin
// API: its issuer is any OpenID provider.
package proxy
