// Package stepup is the step in which a person confirms a login on a phone of
// theirs: the second factor of a session. Whoever has no phone reads how to
// register one, and goes another way if there is one.
package stepup
