// Package relyingtest holds what the tests of relying parties stand on: an OpenID provider,
// a store of sessions and a browser, all of them small, all of them real in
// what they keep, with switches for what may go wrong.
package relyingtest
