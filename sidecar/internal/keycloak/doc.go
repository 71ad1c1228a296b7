// Package keycloak speaks Keycloak's Admin API as a service account that has
// the role manage-users of realm-management and no other. It owns the meaning
// of Keycloak's answers: what says "no such account", what says nothing at
// all. It must not know flows, attempts or pages.
//
// Measured against Keycloak 26.7.5. An answer that is not understood is an
// error, never an empty list: a proxy's page with status 200 must not look
// like an account without roles.
package keycloak
