// Package webcenter is the demo's stand-in for an insurer's web app. It knows
// who a person is by identity headers alone and trusts them, as such apps do:
// whoever reaches it past the proxy can be anybody.
package webcenter
