// Package issuer is a small OpenID provider of another organisation, for
// brokered logins: Keycloak is its client. Whoever opens its login page may
// say who they are; it asks for no proof, because none of its people exist.
package issuer
