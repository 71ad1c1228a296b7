// Package device owns the phones of insured people: which there are, what a
// phone may become, how it proves itself (a P-256 key), what its owner proves
// beside it (the 2FA device password, the app's PIN), and who may register,
// unlock, replace and block one. It must not know HTTP, SQL or Keycloak, nor
// what an approval is about.
//
// Two rules carry the rest. A phone is registered, unlocked or replaced only
// with a Permit: a proof of the person, made in the same session at most 15
// minutes ago and used once; a login password alone never yields a second
// factor. And a blocked phone stays blocked.
//
// What a phone sends is a Message (a JWS by its key) and, beside it, secrets
// Sealed to a key of the server and bound to that message.
package device
