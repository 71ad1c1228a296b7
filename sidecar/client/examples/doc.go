// Package examples shows how a backend has something confirmed before it
// executes it, in three languages: with curl, in Go, in plain Java. Its test
// runs each of them against the Approvals API.
package examples
