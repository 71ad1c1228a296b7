package flow_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// standing knows where the steps of these tests may stand.
func standing(s flow.StepName) (flow.Place, bool) {
	switch s {
	case "kvnr", "terms":
		return flow.InFront, true
	case "password", "phone":
		return flow.Closing, true
	case "unknown":
		return 0, false
	}
	return flow.Behind, true
}

func TestParsePlan(t *testing.T) {
	for name, c := range map[string]struct {
		flow  flow.Name
		in    []flow.Entry
		want  flow.Plan
		steps int
	}{
		"login": {
			flow.Login,
			[]flow.Entry{{"kvnr"}, {"keycloak"}, {"egk", "nect"}, {"letter"}},
			flow.Plan{Keycloak: true, Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"egk", "nect"}, {"letter"}}},
			4,
		},
		"login without a number": {
			flow.Login,
			[]flow.Entry{{"keycloak"}, {"egk"}},
			flow.Plan{Keycloak: true, Back: []flow.Entry{{"egk"}}},
			2,
		},
		"registration": {
			flow.Registration,
			[]flow.Entry{{"kvnr"}, {"terms"}, {"nect", "letter"}, {"password"}, {"phone"}},
			flow.Plan{Front: []flow.StepName{"kvnr", "terms"}, Back: []flow.Entry{{"nect", "letter"}}, After: []flow.StepName{"password", "phone"}},
			5,
		},
		"enrolment": {
			flow.Enrolment,
			[]flow.Entry{{"nect", "letter"}, {"egk"}},
			flow.Plan{Back: []flow.Entry{{"nect", "letter"}, {"egk"}}},
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := flow.ParsePlan(c.flow, standing, c.in...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if c.flow == flow.Enrolment {
				if got.Steps() != c.steps {
					t.Errorf("Steps() = %d, want %d", got.Steps(), c.steps)
				}
				return
			}
			if got.After = append(got.After, flow.Authenticators); got.Steps() != c.steps {
				t.Errorf("Steps() = %d, want %d", got.Steps(), c.steps)
			}
			if names := got.Names(); names[len(names)-1] != flow.Authenticators {
				t.Errorf("names %v", names)
			}
		})
	}
}

func TestParsePlanOfLaterFlowsRefuses(t *testing.T) {
	one := func(s flow.StepName) flow.Entry { return flow.Entry{s} }
	for name, c := range map[string]struct {
		in   []flow.Entry
		want string
	}{
		"keycloak":             {[]flow.Entry{one("kvnr"), one("keycloak"), one("nect"), one("password")}, "entry 2: keycloak stands in the login alone"},
		"no front":             {[]flow.Entry{one("nect"), one("password")}, "no step in front that asks for the number, such as kvnr"},
		"nobody identified":    {[]flow.Entry{one("kvnr"), one("password")}, "no step that identifies the person"},
		"no end":               {[]flow.Entry{one("kvnr"), one("nect")}, "no step at the end that makes or finds the account, such as password"},
		"front too late":       {[]flow.Entry{one("kvnr"), one("nect"), one("terms"), one("password")}, `entry 3: step "terms" stands in front of everything that needs to know somebody, and nowhere else`},
		"end too early":        {[]flow.Entry{one("kvnr"), one("password"), one("nect")}, `entry 3: step "nect" identifies a person: it stands before every step that acts for them`},
		"any of places":        {[]flow.Entry{one("kvnr"), {"nect", "password"}, one("phone")}, "entry 2: an any of steps that stand in different places"},
		"any of closing steps": {[]flow.Entry{one("kvnr"), one("nect"), {"phone", "password"}}, "entry 3: an any of steps that identify nobody: let each stand alone"},
		"unknown":              {[]flow.Entry{one("kvnr"), one("unknown"), one("password")}, `entry 2: step "unknown" is not configured, or is no step`},
	} {
		for _, later := range []flow.Name{flow.Registration, flow.Recovery} {
			if plan, err := flow.ParsePlan(later, standing, c.in...); err == nil || err.Error() != c.want || len(plan.Names()) > 0 {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
}

func TestParsePlanOfASessionRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   []flow.Entry
		want string
	}{
		"nothing":  {nil, "a flow without steps"},
		"keycloak": {[]flow.Entry{{"keycloak"}, {"nect"}}, "entry 1: keycloak stands in the login alone"},
		"number":   {[]flow.Entry{{"kvnr"}, {"nect"}}, `entry 1: step "kvnr" identifies nobody: this flow has only steps that do`},
		"end":      {[]flow.Entry{{"nect"}, {"password"}}, `entry 2: step "password" identifies nobody: this flow has only steps that do`},
		"any":      {[]flow.Entry{{"password", "phone"}}, "entry 1: an any of steps that identify nobody: let each stand alone"},
	} {
		for _, of := range []flow.Name{flow.Enrolment, flow.Stepup} {
			if plan, err := flow.ParsePlan(of, standing, c.in...); err == nil || err.Error() != c.want || len(plan.Names()) > 0 {
				t.Errorf("%s: %s: %v, want %q", of, name, err, c.want)
			}
		}
	}
}

func TestParsePlanRefuses(t *testing.T) {
	one := func(s flow.StepName) flow.Entry { return flow.Entry{s} }
	long := flow.StepName("a" + strings.Repeat("b", 32))
	many := make(flow.Entry, 9)
	for i := range many {
		many[i] = flow.StepName("s" + string(rune('a'+i)))
	}
	entries := []flow.Entry{one("keycloak")}
	for i := range 16 {
		entries = append(entries, one(flow.StepName("s"+string(rune('a'+i)))))
	}
	for name, c := range map[string]struct {
		in   []flow.Entry
		want []string
	}{
		"nothing":          {nil, []string{"a flow without steps"}},
		"no keycloak":      {[]flow.Entry{one("kvnr")}, []string{"keycloak is missing: it marks where Keycloak's own login stands"}},
		"nothing after it": {[]flow.Entry{one("kvnr"), one("keycloak")}, []string{"no step after keycloak: nobody could ever prove anything"}},
		"keycloak twice": {
			[]flow.Entry{one("keycloak"), one("egk"), one("keycloak"), one("a")},
			[]string{"entry 3: keycloak stands twice, first in entry 1"},
		},
		"keycloak in any":  {[]flow.Entry{{"keycloak", "nect"}, one("egk")}, []string{"entry 1: keycloak cannot be one of several ways"}},
		"any before it":    {[]flow.Entry{{"kvnr", "terms"}, one("keycloak"), one("egk")}, []string{"entry 1: an any of steps that identify nobody: let each stand alone"}},
		"proof before it":  {[]flow.Entry{one("egk"), one("keycloak"), one("nect")}, []string{`entry 1: step "egk" needs somebody who has signed in: it stands after keycloak`}},
		"number after it":  {[]flow.Entry{one("keycloak"), one("kvnr")}, []string{`entry 2: step "kvnr" stands in front of everything that needs to know somebody, and nowhere else`}},
		"account after it": {[]flow.Entry{one("keycloak"), one("egk"), one("password")}, []string{`entry 3: step "password" acts for somebody without an account: it stands in registration and recovery`}},
		"empty any":        {[]flow.Entry{one("keycloak"), {}, one("egk")}, []string{"entry 2: an any without steps"}},
		"twice":            {[]flow.Entry{one("keycloak"), one("egk"), {"nect", "egk"}}, []string{`entry 3: step "egk" stands twice, first in entry 2`}},
		"reserved":         {[]flow.Entry{one("keycloak"), one("authenticators")}, []string{`entry 2: "authenticators" is a reserved name`}},
		"capital":          {[]flow.Entry{one("keycloak"), one("eGK")}, []string{`entry 2: "eGK" is no step name: a lower-case letter, then at most 31 of a-z, 0-9, _ and -`}},
		"long":             {[]flow.Entry{one("keycloak"), one(long)}, []string{`entry 2: "` + string(long) + `" is no step name: a lower-case letter, then at most 31 of a-z, 0-9, _ and -`}},
		"too many ways":    {[]flow.Entry{one("keycloak"), many}, []string{"entry 2: an any of 9 steps; at most 8"}},
		"too many entries": {entries, []string{"17 entries; at most 16"}},
		"all at once": {
			[]flow.Entry{{}, one("Ä"), one("keycloak")},
			[]string{"entry 1: an any without steps", `entry 2: "Ä" is no step name: a lower-case letter, then at most 31 of a-z, 0-9, _ and -`, "no step after keycloak: nobody could ever prove anything"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := flow.ParsePlan(flow.Login, standing, c.in...)
			if err == nil {
				t.Fatalf("no error, plan %+v", plan)
			}
			if diff := cmp.Diff(c.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			var p *flow.PlanError
			if !errors.As(err, &p) {
				t.Error("no *PlanError in the chain")
			}
			if diff := cmp.Diff(flow.Plan{}, plan); diff != "" {
				t.Error("a plan beside an error")
			}
		})
	}
}
