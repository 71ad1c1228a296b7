package flow

import "slices"

// action is what the dispatcher decides. The zero action is rest.
type action uint8

const (
	rest   action = iota // the record is not open: nothing to decide
	ask                  // a step has to be asked
	prove                // all is passed
	refuse               // no way is left
	leave                // the draft of a login is through: Keycloak's own login is next
)

// Keys of the core's catalogue with which a flow ends.
const (
	KeyNothingProven = "nothing_proven" // every step said that it is not for this person
	KeyParked        = "parked"         // the step goes on at the next login
)

// decision is the dispatcher's answer.
type decision struct {
	act   action
	place Place      // of the entry that is asked
	entry int        // its index among those of its place
	ways  []StepName // its alternatives that are neither passed nor refused
	step  StepName   // the one that is asked; empty = one has to be selected
}

// next is the one dispatcher: it decides from the record alone. An entry is
// passed when one of its steps has a proof, or when all of them said that they
// are not for this person. Only a proof in Back counts as one, without it no
// step in After is asked, and without an account nobody is proven.
func next(p Plan, r Record) decision {
	if r.Status != Open {
		return decision{act: rest}
	}
	if draft := r.ID == ""; draft {
		if d, ok := first(InFront, singles(p.Front), r); ok {
			return d
		}
		if p.Keycloak {
			return decision{act: leave}
		}
	}
	if !recalled(r) {
		if d, ok := first(Behind, p.Back, r); ok {
			return d
		}
		if !slices.ContainsFunc(p.Back, func(e Entry) bool { return proven(e, r) }) {
			return decision{act: refuse}
		}
	}
	if d, ok := first(Closing, singles(p.After), r); ok {
		return d
	}
	if len(p.Back) == 0 || r.Account == "" {
		return decision{act: refuse}
	}
	return decision{act: prove}
}

// first returns the decision about the first entry that is not passed; ok is
// false when all of them are.
func first(place Place, entries []Entry, r Record) (d decision, ok bool) {
	for i, e := range entries {
		ways := open(e, r)
		switch {
		case proven(e, r) || skipped(e, r):
			continue
		case len(ways) == 0:
			return decision{act: refuse, place: place, entry: i}, true
		default:
			return decision{act: ask, place: place, entry: i, ways: ways, step: asked(ways, r)}, true
		}
	}
	return decision{}, false
}

func singles(steps []StepName) []Entry {
	out := make([]Entry, 0, len(steps))
	for _, s := range steps {
		out = append(out, Entry{s})
	}
	return out
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
