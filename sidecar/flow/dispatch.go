package flow

import "slices"

// action is what the dispatcher decides. The zero action is rest.
type action uint8

const (
	rest   action = iota // the record is not open: nothing to decide
	ask                  // a step has to be asked
	prove                // all is passed
	refuse               // no way is left
)

// Keys of the core's catalogue with which a flow ends.
const (
	KeyNothingProven = "nothing_proven" // every step said that it is not for this person
	KeyParked        = "parked"         // the step goes on at the next login
)

// decision is the dispatcher's answer.
type decision struct {
	act   action
	entry int        // index of the entry that is asked
	ways  []StepName // its alternatives that are neither passed nor refused
	step  StepName   // the one that is asked; empty = one has to be selected
}

// next is the one dispatcher: it decides from the stored record alone. An
// entry is passed when one of its steps has a proof, or when all of them said
// that they are not for this person. Only a proof in Back counts as one.
func next(p Plan, r Record) decision {
	if r.Status != Open {
		return decision{act: rest}
	}
	for i, e := range p.entries() {
		ways := open(e, r)
		switch {
		case proven(e, r) || skipped(e, r):
			continue
		case len(ways) == 0:
			return decision{act: refuse, entry: i}
		default:
			return decision{act: ask, entry: i, ways: ways, step: asked(ways, r)}
		}
	}
	if !slices.ContainsFunc(p.Back, func(e Entry) bool { return proven(e, r) }) {
		return decision{act: refuse}
	}
	return decision{act: prove}
}

func proven(e Entry, r Record) bool {
	return slices.ContainsFunc(e, func(s StepName) bool { return r.Proofs[s].Kind != "" })
}

func skipped(e Entry, r Record) bool {
	for _, s := range e {
		if !slices.Contains(r.Skipped, s) {
			return false
		}
	}
	return len(e) > 0
}

// open returns the alternatives that are left.
func open(e Entry, r Record) []StepName {
	var ways []StepName
	for _, s := range e {
		if !slices.Contains(r.Denied, s) && !slices.Contains(r.Skipped, s) {
			ways = append(ways, s)
		}
	}
	return ways
}

// asked returns the step that is asked among the ways that are left: the one
// already turned to, or the only one.
func asked(ways []StepName, r Record) StepName {
	switch {
	case slices.Contains(ways, r.Step):
		return r.Step
	case len(ways) == 1:
		return ways[0]
	}
	return ""
}
