package member

import "strings"

// KVNR is a parsed insurance number ("Versichertennummer", § 290 SGB V): one
// capital letter and nine digits, the last of them a check digit. A KVNR that
// is not empty came from ParseKVNR. It is personal data: it never stands in a
// log, a metric, a trace or a URL.
type KVNR string

// Username is the form in which Keycloak stores the number as a user name.
func (k KVNR) Username() string { return strings.ToLower(string(k)) }

// String hides the number, so that printing one by accident tells nothing.
func (k KVNR) String() string { return "KVNR(hidden)" }
