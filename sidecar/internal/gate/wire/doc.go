// Package wire reads and writes what passes between a browser, a client and
// Keycloak: canonical paths, cookies, parameters, codes, tokens, forms,
// addresses. It owns the question "what does this message say?", in the way
// in which Keycloak 26.7 reads it, or more strictly.
//
// It must not know who is cleared, what is recorded, or what is to be done:
// that is package gate's. It keeps no state, calls nobody, and reads only
// what it is handed. Tokens are read, never verified: what a browser sent is
// a hint, and what Keycloak answered came from Keycloak. No error here quotes
// a value, so that all may be logged.
package wire
