// Package client is for backends in Go that have something confirmed on a
// person's phone before they execute it: it asks, waits, redeems and verifies
// the receipt over the Approvals API.
//
// What a receipt says and does not say: the person's active phone showed these
// fields and the hash of this content, and they approved with the phone's key
// and their device password; nobody else redeemed it. That what is executed is
// that content is the backend's own duty: hash the very bytes that are executed,
// and execute nothing when any call here returns an error.
//
// It must not know how the API decides; it imports nothing of Schleuse.
package client
