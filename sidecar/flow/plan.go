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
	Front []StepName // before Keycloak's login; nothing is stored for them
	Back  []Entry    // after it; each must be passed, and at least one proven
	After []StepName // once all of Back is passed; they prove nothing
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

// ParsePlan reads the entries of a flow. It returns all mistakes at once, each
// of them a *PlanError, joined.
func ParsePlan(entries ...Entry) (Plan, error) {
	p := planner{seen: map[StepName]int{}, keycloak: -1}
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
func (p Plan) Steps() int { return len(p.Front) + 1 + len(p.Back) }

// Names returns every step that the plan names, in order, Keycloak's excepted.
func (p Plan) Names() []StepName {
	return slices.Concat(p.Front, slices.Concat(p.Back...), p.After)
}

// entries returns what is asked after Keycloak's login, in order.
func (p Plan) entries() []Entry {
	all := slices.Clone(p.Back)
	for _, s := range p.After {
		all = append(all, Entry{s})
	}
	return all
}

type planner struct {
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
		for _, s := range e {
			p.name(i, s)
		}
		p.place(i, e)
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

func (p *planner) place(i int, e Entry) {
	marks := slices.Contains(e, Keycloak)
	switch {
	case marks && len(e) > 1:
		p.fail(i, "keycloak cannot be one of several ways")
	case marks:
		p.keycloak = i
	case p.keycloak >= 0:
		p.plan.Back = append(p.plan.Back, slices.Clone(e))
	case len(e) > 1:
		p.fail(i, "an any before keycloak: nothing is stored there, so no way could be remembered")
	default:
		p.plan.Front = append(p.plan.Front, e[0])
	}
}

func (p *planner) finish(n int) {
	switch {
	case n == 0:
		p.fail(-1, "a flow without steps")
	case n > maxEntries:
		p.fail(-1, "%d entries; at most %d", n, maxEntries)
	}
	if _, named := p.seen[Keycloak]; !named && n > 0 {
		p.fail(-1, "keycloak is missing: it marks where Keycloak's own login stands")
	} else if p.keycloak == n-1 && n > 0 {
		p.fail(-1, "no step after keycloak: nobody could ever prove anything")
	}
}
