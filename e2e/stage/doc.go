// Package stage sets up the real parts that the demo and the tests play on:
// a stock Keycloak with the realm of config/realm, PostgreSQL, ports and host
// names, people and master data.
//
// It owns the cache outside the tree, the processes it starts and the way they
// end. It knows nothing of Schleuse itself: who plays on it brings the gate.
package stage
