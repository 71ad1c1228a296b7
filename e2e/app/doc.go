// Package app is the reference Kunden-App: a web app that is a person's second
// factor, and the small backend that it changes an address with.
//
// The app itself is www: plain ES modules, served as they are. What it knows of
// Schleuse is PROTOCOL.md (www/protocol) and OpenID Connect. The Go code serves
// these files, and plays the insurer's backend: it takes the app's access token,
// asks Schleuse for an approval, and executes only what it has redeemed.
package app
