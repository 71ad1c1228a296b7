// Package webcenter is the demo's stand-in for an insurer's web app. It knows
// who a person is by identity headers alone and trusts them, as such apps do:
// whoever reaches it past the proxy can be anybody.
//
// Address, bank details and applications are sensitive: the app executes such a
// change only after the person has approved exactly its bytes on their phone.
// What it has executed stands in its journal.
package webcenter
