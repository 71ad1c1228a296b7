// Package confirmation is the step of a flow that a person passes by confirming
// a request of our own on a phone of theirs: extensions make it theirs by an
// action, words and pages. It knows no flow and no action by name.
//
// It shows the pages "before" and "waiting", and uses the keys problem.over,
// problem.pending, problem.too_many and denied.refused of its extension.
package confirmation
