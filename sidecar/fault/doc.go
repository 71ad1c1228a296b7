// Package fault owns the failures that are shown to somebody: what kind they
// are and which catalogue entry explains them. It must not know how they are
// transported; the web package holds the one table that turns a Kind into an
// HTTP status.
//
// A mistake of a person (a wrong digit, a malformed number) is no fault: it is
// a flow.Outcome. Any other error is internal: the person sees a reference id
// and a way on, the log sees the cause.
package fault
