// Package attack holds the attacks on the assembled program: the built binary
// in front of a real Keycloak. Its claim is one sentence, tried over every way
// in which Keycloak lets a login come into being: a person who is not cleared
// never owns an identity cookie, a code, a token or a newly enrolled
// authenticator; and who is cleared gets what Keycloak made, untouched.
//
// It has tests only. What reaches the attacker is read by a recorder that
// knows nothing of how the gate reads.
//
// One Keycloak serves a run. SCHLEUSE_STAGE names the port block of a stage
// that runs already, SCHLEUSE_BINARY a binary that is built already; the
// mutants use both.
package attack
