// Package devicetest has phones for tests: Phone signs and seals as an app
// does, Store keeps phones and permits in memory, and Run is the suite that
// every store of phones passes, races included.
package devicetest
