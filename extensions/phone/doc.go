// Package phone is the step in which a person confirms on a phone of theirs
// that another one may be registered, or a locked one unlocked. It stands in
// the enrolment: whoever has a phone that works needs no other identification.
package phone
