// Package store keeps what must outlive a request: it implements the ports of
// flow, gate, proxy, extension, device, approval and audit over SQLite or PostgreSQL. It owns
// which columns exist, that personal and secret ones are sealed, and that
// changes are atomic on any replica. It must not know what a record means.
//
// A row's look-up keys are MACs under the key `index` (see keyring) and are
// looked up under all its versions; only one-way images of random secrets
// (attempts, codes, session cookies) stand as they are. What is sealed is
// bound to its table, column and row. A sealed value that does not open any
// more (its key was retired, or somebody moved it) counts as absent.
//
// Errors other than the ports' own are fault.Unavailable: nothing may be
// concluded from them but that the call may be made again.
package store
