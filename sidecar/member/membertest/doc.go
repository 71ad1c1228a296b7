// Package membertest is a member directory in memory, for tests, and the suite
// that every directory passes.
package membertest
