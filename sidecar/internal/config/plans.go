package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// namedFlow is a flow of the file.
type namedFlow struct {
	name    flow.Name
	entries []Entry
}

// all returns the flows that are configured.
func (f *Flows) all() []namedFlow {
	list := []namedFlow{{flow.Login, f.Login}, {flow.Registration, f.Registration}, {flow.Recovery, f.Recovery}, {flow.Enrolment, f.Enrolment}, {flow.Stepup, f.Stepup}}
	return slices.DeleteFunc(list, func(f namedFlow) bool { return f.entries == nil })
}

// FlowNames returns which flows are configured.
func (c *Config) FlowNames() []flow.Name {
	if c.Gate == nil {
		return nil
	}
	var out []flow.Name
	for _, f := range c.Gate.Flows.all() {
		out = append(out, f.name)
	}
	return out
}

// Stand is where steps of a kind may stand.
type Stand struct {
	Place flow.Place
	Flows []flow.Name // nil = every flow
}

func (s Stand) in(name flow.Name) bool { return s.Flows == nil || slices.Contains(s.Flows, name) }

// Plans returns the plan of each configured flow. stand says where steps of a
// kind may stand, false that there is no such kind of step. What is wrong comes
// back as strictyaml.Problems, all at once.
func (c *Config) Plans(stand func(kind string) (Stand, bool)) (map[flow.Name]flow.Plan, error) {
	of := func(s flow.StepName) (Stand, bool) {
		e, ok := c.Extensions[string(s)]
		if !ok {
			return Stand{}, false
		}
		return stand(e.Kind)
	}
	place := func(s flow.StepName) (flow.Place, bool) {
		at, ok := of(s)
		return at.Place, ok
	}
	var problems strictyaml.Problems
	plans := map[flow.Name]flow.Plan{}
	for _, f := range c.Gate.Flows.all() {
		entries := make([]flow.Entry, 0, len(f.entries))
		for _, e := range f.entries {
			var names flow.Entry
			for _, n := range e.Any {
				names = append(names, flow.StepName(n))
			}
			entries = append(entries, names)
		}
		plan, err := flow.ParsePlan(f.name, place, entries...)
		plans[f.name] = plan
		problems = append(problems, c.misplanned(f.name, errors.Join(err, strangers(f.name, of, entries)))...)
	}
	problems.Sort()
	return plans, problems.Err()
}

// strangers are the steps that cannot stand in this flow, wherever in it.
func strangers(name flow.Name, of func(flow.StepName) (Stand, bool), entries []flow.Entry) error {
	var errs []error
	for i, e := range entries {
		for _, step := range e {
			if at, ok := of(step); ok && !at.in(name) {
				errs = append(errs, &flow.PlanError{Entry: i, Reason: fmt.Sprintf("step %q cannot stand in this flow, only in %s", step, listed(at.Flows))})
			}
		}
	}
	return errors.Join(errs...)
}

func listed(names []flow.Name) string {
	words := make([]string, 0, len(names))
	for _, n := range names {
		words = append(words, string(n))
	}
	return strings.Join(words, " and ")
}

// misplanned puts each mistake of a plan in its place.
func (c *Config) misplanned(name flow.Name, err error) (out strictyaml.Problems) {
	hint := "such as [kvnr, {any: [nect, letter]}, password]"
	switch name {
	case flow.Login:
		hint = "such as [kvnr, keycloak, {any: [egk]}]"
	case flow.Enrolment:
		hint = "such as [{any: [phone, nect, letter]}]"
	case flow.Stepup:
		hint = "such as [{any: [stepup, letter]}]"
	}
	for _, err := range each(err) {
		keys := []string{"gate", "flows", string(name)}
		var p *flow.PlanError
		if errors.As(err, &p) {
			if p.Entry >= 0 {
				keys = append(keys, strconv.Itoa(p.Entry))
			}
			err = errors.New(p.Reason)
		}
		out = append(out, c.Problem(err, hint, keys...))
	}
	return out
}

// each takes joined errors apart.
func each(err error) []error {
	all, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var out []error
	for _, one := range all.Unwrap() {
		out = append(out, each(one)...)
	}
	return out
}
