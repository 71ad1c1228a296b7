// Package audit owns the record of what was done to whom: which entries
// exist, how they are chained, and that a person can be erased from them
// without breaking the chain. It must not know SQL or HTTP.
//
// The chain itself holds no personal payload: subject and detail lie beside
// it, sealed with a key of the person's own. Destroying that key erases the
// person and leaves the chain whole.
package audit
