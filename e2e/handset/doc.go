// Package handset is the demo's phone, as a page in the browser: it signs in as
// the Kunden-App does, registers itself, shows what waits, and answers it with
// the device password. It knows of Schleuse what the Device API says.
//
// It is no pattern for an app: its keys lie in the memory of the demo, and its
// screen is the one that it is meant to be apart from.
package handset
