// Package partner is the demo's partner portal: an ordinary OpenID Connect
// client of the realm, written without any thought of Schleuse. It shows that
// staff and partners go on as before.
package partner
