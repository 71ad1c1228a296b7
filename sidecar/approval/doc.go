// Package approval ties a sensitive change to the person's confirmation of
// exactly its content on their own phone, once. It owns the states of an
// approval and who may move it, what is shown on the phone (the signed request
// object), what counts as the person's answer, what is handed to the backend
// that redeems (the signed receipt), and how nobody is worn down by requests.
//
// What a receipt says: within its 120 seconds, an active phone of this account
// was shown these labelled fields and this content hash in a request object
// signed by us; it answered "approve" over exactly those bytes with its key,
// beside the right device password; nobody redeemed before, and none of the
// person's phones had denied. It does not say that what the backend executes
// has this hash (the backend compares), nor that the labels describe the hashed
// bytes (the backend chose both).
//
// States only go forward, in one transaction each, under one lock per account:
//
//	pending  → approved | denied | expired | cancelled
//	approved → redeemed | denied | expired | cancelled
//
// So of two that race the safe one wins: a denial by any phone, a cancellation
// or the end of the time voids an approval that was not yet redeemed, and what
// ended never opens again.
//
// The package must not know HTTP, SQL, how a phone proves possession of its key
// in a call, or what a content hash is the hash of.
package approval
