// Package audittest is an audit log in memory, for tests of what writes
// entries.
package audittest
