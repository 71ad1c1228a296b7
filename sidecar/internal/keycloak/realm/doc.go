// Package realm prepares a Keycloak realm, new or in use for years, for a gate
// in front of it: it plans what is to be changed, shows it, and changes exactly
// that. It owns what the gate needs of a realm. It must not know the
// configuration file nor how an administrator's password came.
//
// A realm is read whole before it is written: a PUT with some of a realm's
// attributes resets others. Objects are kept as the JSON that Keycloak gave,
// so that what this package does not know survives.
package realm
