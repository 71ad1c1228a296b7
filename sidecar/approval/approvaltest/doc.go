// Package approvaltest has approvals for tests: Store keeps them in memory, Run
// is the suite that every store of approvals passes, races included, and World
// is a whole Service with its person, phone and backend.
package approvaltest
