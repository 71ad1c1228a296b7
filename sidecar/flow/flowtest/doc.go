// Package flowtest holds a stateful in-memory flow.Attempts, a step that a
// test writes in a line, and the suite that every flow.Attempts passes. It
// must not be used outside of tests.
package flowtest
