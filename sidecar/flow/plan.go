package flow

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Authenticators is the reserved step in which the gate has a person review
// the means of signing in that are on the account. It proves nothing about
// who the person is, so it stands in Plan.After and never in a configuration.
const Authenticators StepName = "authenticators"

// Limits of a plan. A plan is written by hand; more is a mistake.
const (
	maxEntries = 16
	maxWays    = 8
)

// Entry is one entry of a flow in the configuration: a single step, or the
// alternatives of an `any`, in the order in which they are offered.
type Entry []StepName

// Plan is the order of the steps of a flow. It is made by ParsePlan; the zero
// Plan proves nothing and lets nobody through.
type Plan struct {
	// Keycloak says that Keycloak's own login stands behind Front.
	Keycloak bool
	Front    []StepName // nothing is stored for them, and they prove nothing
	Back     []Entry    // each must be passed, and at least one proven
	After    []StepName // once all of Back is passed; they prove nothing
}

// PlanError is one mistake in a flow's configuration.
type PlanError struct {
	Entry  int // which entry, counted from 0; -1 = the flow as a whole
	Reason string
}

// Error names the entry as people count, from 1.
func (e *PlanError) Error() string {
	if e.Entry < 0 {
		return e.Reason
	}
	return fmt.Sprintf("entry %d: %s", e.Entry+1, e.Reason)
}

// ParsePlan reads the entries of a flow. place says where a step may stand,
// false that there is no such step. In a login `keycloak` parts what is in
// front from the rest. Every other flow begins with the steps that stand
// InFront and ends with the Closing ones, and has some of each and something
// in between. All mistakes come at once, each of them a *PlanError, joined.
func ParsePlan(flow Name, place func(StepName) (Place, bool), entries ...Entry) (Plan, error) {
	p := planner{flow: flow, placeOf: place, seen: map[StepName]int{}, keycloak: -1}
	p.plan.Keycloak = flow == Login
	for i, e := range entries {
		p.add(i, e)
	}
	p.finish(len(entries))
	if err := errors.Join(p.errs...); err != nil {
		return Plan{}, err
	}
	return p.plan, nil
}

// Steps returns how many steps a person sees at the most, Keycloak's login
// included: the N of "step 2 of N". The review of authenticators is not
// counted, for few ever see it.
func (p Plan) Steps() int {
	n := len(p.Front) + len(p.Back) + len(p.seenAfter())
	if p.Keycloak {
		n++
	}
	return n
}

func (p Plan) seenAfter() []StepName {
	return slices.DeleteFunc(slices.Clone(p.After), func(s StepName) bool { return s == Authenticators })
}

// at returns which of Steps a decision asks for; 0 = it is not counted.
func (p Plan) at(d decision) int {
	behind := len(p.Front)
	if p.Keycloak {
		behind++
	}
	switch d.place {
	case InFront:
		return d.entry + 1
	case Behind:
		return behind + d.entry + 1
	default:
		return behind + len(p.Back) + slices.Index(p.seenAfter(), d.step) + 1
	}
}

// suits reports whether the plan is one for this flow.
func (p Plan) suits(flow Name) bool {
	switch flow {
	case Login:
		return p.Keycloak && len(p.Back) > 0
	case Enrolment, Stepup:
		return !p.Keycloak && len(p.Front) == 0 && len(p.Back) > 0 && len(p.After) == 0
	}
	return !p.Keycloak && len(p.Front) > 0 && len(p.Back) > 0 && len(p.After) > 0
}

// Names returns every step that the plan names, in order, Keycloak's excepted.
func (p Plan) Names() []StepName {
	return slices.Concat(p.Front, slices.Concat(p.Back...), p.After)
}

type planner struct {
	flow     Name
	placeOf  func(StepName) (Place, bool)
	plan     Plan
	seen     map[StepName]int
	keycloak int // the entry, or -1
	errs     []error
}

func (p *planner) fail(entry int, format string, args ...any) {
	p.errs = append(p.errs, &PlanError{Entry: entry, Reason: fmt.Sprintf(format, args...)})
}

func (p *planner) add(i int, e Entry) {
	switch {
	case len(e) == 0:
		p.fail(i, "an any without steps")
	case len(e) > maxWays:
		p.fail(i, "an any of %d steps; at most %d", len(e), maxWays)
	default:
		before := len(p.errs)
		for _, s := range e {
			p.name(i, s)
		}
		if len(p.errs) == before {
			p.place(i, e)
		}
	}
}

// name checks one name. It becomes a part of URLs and of store keys.
func (p *planner) name(i int, s StepName) {
	first, again := p.seen[s]
	p.seen[s] = i
	switch {
	case again && s == Keycloak:
		p.fail(i, "keycloak stands twice, first in entry %d", first+1)
	case again:
		p.fail(i, "step %q stands twice, first in entry %d", s, first+1)
	case s == Authenticators:
		p.fail(i, "%q is a reserved name", s)
	case !stepName().MatchString(string(s)):
		p.fail(i, "%q is no step name: a lower-case letter, then at most 31 of a-z, 0-9, _ and -", s)
	}
}

func stepName() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`) }

// place puts an entry where it belongs. A step stands in its own place only:
// in another it would ask for nothing, or ask somebody of whom nothing is known.
func (p *planner) place(i int, e Entry) {
	if slices.Contains(e, Keycloak) {
		p.mark(i, e)
		return
	}
	at, ok := p.common(i, e)
	if !ok || !p.belongs(i, e, at) || !p.fits(i, e, at) {
		return
	}
	switch at {
	case InFront:
		p.plan.Front = append(p.plan.Front, e[0])
	case Closing:
		p.plan.After = append(p.plan.After, e[0])
	default:
		p.plan.Back = append(p.plan.Back, slices.Clone(e))
	}
}

// belongs reports whether the flow has steps of this place.
func (p *planner) belongs(i int, e Entry, at Place) bool {
	if p.flow.OfSession() && at != Behind && len(e) == 1 {
		p.fail(i, "step %q identifies nobody: this flow has only steps that do", e[0])
		return false
	}
	return true
}

// fits reports whether steps of this place may come here.
func (p *planner) fits(i int, e Entry, at Place) bool {
	behind := p.keycloak >= 0 || len(p.plan.Back)+len(p.plan.After) > 0
	before := len(p.errs)
	switch {
	case at != Behind && len(e) > 1:
		p.fail(i, "an any of steps that identify nobody: let each stand alone")
	case at == InFront && behind:
		p.fail(i, "step %q stands in front of everything that needs to know somebody, and nowhere else", e[0])
	case at == Closing && p.flow == Login:
		p.fail(i, "step %q acts for somebody without an account: it stands in registration and recovery", e[0])
	case at != Behind:
	case p.flow == Login && !behind:
		p.fail(i, "step %q needs somebody who has signed in: it stands after keycloak", e[0])
	case len(p.plan.After) > 0:
		p.fail(i, "step %q identifies a person: it stands before every step that acts for them", e[0])
	}
	return len(p.errs) == before
}

// common returns the place that all steps of an entry share.
func (p *planner) common(i int, e Entry) (at Place, ok bool) {
	for j, s := range e {
		own, known := p.placeOf(s)
		switch {
		case !known:
			p.fail(i, "step %q is not configured, or is no step", s)
			return at, false
		case j > 0 && own != at:
			p.fail(i, "an any of steps that stand in different places")
			return at, false
		}
		at = own
	}
	return at, true
}

func (p *planner) mark(i int, e Entry) {
	switch {
	case p.flow != Login:
		p.fail(i, "keycloak stands in the login alone")
	case len(e) > 1:
		p.fail(i, "keycloak cannot be one of several ways")
	}
	p.keycloak = i
}

func (p *planner) finish(n int) {
	switch _, marked := p.seen[Keycloak]; {
	case n == 0:
		p.fail(-1, "a flow without steps")
	case n > maxEntries:
		p.fail(-1, "%d entries; at most %d", n, maxEntries)
	case p.flow == Login && !marked:
		p.fail(-1, "keycloak is missing: it marks where Keycloak's own login stands")
	case p.flow == Login && p.keycloak == n-1:
		p.fail(-1, "no step after keycloak: nobody could ever prove anything")
	case len(p.errs) == 0 && (p.flow == Registration || p.flow == Recovery):
		p.whole()
	}
}

// whole wants the three parts of a way that begins with a number and ends with an account.
func (p *planner) whole() {
	switch {
	case len(p.plan.Front) == 0:
		p.fail(-1, "no step in front that asks for the number, such as kvnr")
	case len(p.plan.Back) == 0:
		p.fail(-1, "no step that identifies the person")
	case len(p.plan.After) == 0:
		p.fail(-1, "no step at the end that makes or finds the account, such as password")
	}
}
