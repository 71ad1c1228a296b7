package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

func standing(kind string) (config.Stand, bool) {
	switch kind {
	case "kvnr":
		return config.Stand{Place: flow.InFront}, true
	case "password":
		return config.Stand{Place: flow.Closing}, true
	case "egk":
		return config.Stand{Place: flow.Behind, Flows: []flow.Name{flow.Login, flow.Enrolment}}, true
	case "csv":
		return config.Stand{}, false
	}
	return config.Stand{Place: flow.Behind}, true
}

func plansOf(t *testing.T, flows string) (map[flow.Name]flow.Plan, error) {
	t.Helper()
	text := strings.Replace(good, "flows: {login: [kvnr, keycloak, {any: [egk, nect]}]}", "flows: {"+flows+"}", 1)
	text = strings.Replace(text, "  nect: {kind: nect}", "  nect: {kind: nect}\n  password: {kind: password}\n  staff: {kind: csv}", 1)
	c, err := config.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.Plans(standing)
}

func TestPlans(t *testing.T) {
	got, err := plansOf(t, "login: [kvnr, keycloak, egk], registration: [kvnr, {any: [nect]}, password]")
	if err != nil {
		t.Fatal(err)
	}
	want := map[flow.Name]flow.Plan{
		flow.Login:        {Keycloak: true, Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"egk"}}},
		flow.Registration: {Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"nect"}}, After: []flow.StepName{"password"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}
}

func TestMistakesOfPlansHaveTheirPlace(t *testing.T) {
	for flows, want := range map[string]string{
		"login: [kvnr, keycloak, egk, password]":                                           "gate.flows.login[3]",
		"login: [kvnr, keycloak, egk], registration: [nect, kvnr]":                         "gate.flows.registration[1]",
		"login: [kvnr, keycloak, egk], recovery: [kvnr, password]":                         "gate.flows.recovery",
		"login: [kvnr, keycloak, egk], recovery: []":                                       "gate.flows.recovery",
		"login: [kvnr, keycloak, staff]":                                                   "gate.flows.login[2]",
		"login: [kvnr, keycloak, egk], registration: [kvnr, {any: [nect, egk]}, password]": "gate.flows.registration[1]",
		"login: [kvnr, keycloak, egk], recovery: [kvnr, egk, password]":                    "gate.flows.recovery[1]",
	} {
		_, err := plansOf(t, flows)
		var problems strictyaml.Problems
		if !errors.As(err, &problems) || problems[0].Path != want || problems[0].Line == 0 || problems[0].Hint == "" {
			t.Errorf("%s: %v, want it at %s", flows, err, want)
		}
	}
}
