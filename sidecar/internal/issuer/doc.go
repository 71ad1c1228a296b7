// Package issuer owns how documents of an OpenID issuer are fetched: bounded
// in size and never in a hurry. It must not know what they are fetched for.
package issuer
