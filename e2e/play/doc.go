// Package play puts Schleuse on the stage: the built binary between a real
// Keycloak and the demo WebCenter, with a configuration as an operator would
// write it. Demo and tests play the same piece.
package play
