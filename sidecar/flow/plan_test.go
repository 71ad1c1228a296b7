package flow_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/flow"
)

func TestParsePlan(t *testing.T) {
	got, err := flow.ParsePlan(flow.Entry{"kvnr"}, flow.Entry{"keycloak"}, flow.Entry{"egk", "nect"}, flow.Entry{"terms"})
	if err != nil {
		t.Fatal(err)
	}
	want := flow.Plan{Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"egk", "nect"}, {"terms"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if got.Steps() != 4 {
		t.Errorf("Steps() = %d, want 4", got.Steps())
	}
	if diff := cmp.Diff([]flow.StepName{"kvnr", "egk", "nect", "terms"}, got.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
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
		"no keycloak":      {[]flow.Entry{one("egk")}, []string{"keycloak is missing: it marks where Keycloak's own login stands"}},
		"nothing after it": {[]flow.Entry{one("kvnr"), one("keycloak")}, []string{"no step after keycloak: nobody could ever prove anything"}},
		"keycloak twice": {
			[]flow.Entry{one("keycloak"), one("egk"), one("keycloak"), one("a")},
			[]string{"entry 3: keycloak stands twice, first in entry 1"},
		},
		"keycloak in any":  {[]flow.Entry{{"keycloak", "nect"}, one("egk")}, []string{"entry 1: keycloak cannot be one of several ways"}},
		"any before it":    {[]flow.Entry{{"a", "b"}, one("keycloak"), one("egk")}, []string{"entry 1: an any before keycloak: nothing is stored there, so no way could be remembered"}},
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
			plan, err := flow.ParsePlan(c.in...)
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
