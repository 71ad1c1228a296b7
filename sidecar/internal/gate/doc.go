// Package gate is the transparent reverse proxy in front of one Keycloak
// realm. It owns the rules by which no login leaves Keycloak for a person who
// is not cleared, the pages that stand before and after Keycloak's own, and
// what is held meanwhile. It must not know which steps exist, nor what a
// particular step asks; what is on the wire (canonical paths, cookies,
// parameters) is told apart in package wire.
package gate
