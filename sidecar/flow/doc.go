// Package flow owns the order of things: which steps a person passes, one
// after the other, before a login (a registration, …) is complete, and what
// has been proven so far. One dispatcher decides from stored state what is
// next; steps never route to one another.
//
// It must not know HTTP, SQL, Keycloak, nor what a particular step asks.
package flow
