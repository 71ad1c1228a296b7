package config

import (
	"errors"
	"slices"
	"strconv"

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
	list := []namedFlow{{flow.Login, f.Login}, {flow.Registration, f.Registration}, {flow.Recovery, f.Recovery}, {flow.Enrolment, f.Enrolment}}
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

// Plans returns the plan of each configured flow. place says where steps of a
// kind may stand, false that there is no such kind of step. What is wrong comes
// back as strictyaml.Problems, all at once.
func (c *Config) Plans(place func(kind string) (flow.Place, bool)) (map[flow.Name]flow.Plan, error) {
	of := func(s flow.StepName) (flow.Place, bool) {
		e, ok := c.Extensions[string(s)]
		if !ok {
			return 0, false
		}
		return place(e.Kind)
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
		plan, err := flow.ParsePlan(f.name, of, entries...)
		plans[f.name] = plan
		problems = append(problems, c.misplanned(f.name, err)...)
	}
	problems.Sort()
	return plans, problems.Err()
}

// misplanned puts each mistake of a plan in its place.
func (c *Config) misplanned(name flow.Name, err error) (out strictyaml.Problems) {
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	hint := "such as [kvnr, {any: [nect, letter]}, password]"
	switch name {
	case flow.Login:
		hint = "such as [kvnr, keycloak, {any: [egk]}]"
	case flow.Enrolment:
		hint = "such as [{any: [phone, nect, letter]}]"
	}
	for _, err := range all.Unwrap() {
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
