// Package approvals owns the Approvals API: how backends ask, wait, cancel and
// redeem over HTTP, as openapi.yaml says. It must not know when an approval may
// change its state (that is package approval), nor how a phone is talked to.
package approvals
