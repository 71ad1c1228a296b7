// Package server puts the house together: it opens what the configuration
// names, wires it in struct literals, serves the public and the internal port
// and stops gracefully. It must not know a particular extension (it gets
// factories) nor decide anything itself: every rule lives in the package that
// it wires.
package server
