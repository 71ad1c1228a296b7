// Package account owns what Schleuse may know of and do to an account in the
// Keycloak realm: who it is, whether the person behind it is identified, which
// authenticators it has, which sessions live. It must not know Keycloak's
// Admin API (that is internal/keycloak) nor anything of HTTP.
package account
