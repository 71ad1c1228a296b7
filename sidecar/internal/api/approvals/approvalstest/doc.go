// Package approvalstest starts the Approvals API on loopback, with everything
// behind it in memory: a realm that gives tokens, a person with a phone, and
// one backend, "backend", that may ask.
package approvalstest
