// Package home is the demo's home page: whom one can be, what to type, where
// to go, and a live picture of the chambers that a login passes. It only looks
// on: everything that happens, happens elsewhere.
package home
