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

// stepup is phones with a second factor at the login of one client.
var stepup = strings.Replace(strings.Replace(phones, "enrolment: [{any: [nect]}]}", "enrolment: [{any: [nect]}], stepup: [{any: [second, nect]}]}\n  stepup: {clients: [webcenter]}", 1),
	"  nect: {kind: nect}", "  nect: {kind: nect}\n  second: {kind: stepup}", 1)

func TestAStepup(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(stepup))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&config.Stepup{Clients: []string{"webcenter"}}, c.Gate.Stepup); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plans, err := c.Plans(standing)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flow.Plan{Back: []flow.Entry{{"second", "nect"}}}, plans[flow.Stepup]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakesAboutTheStepup(t *testing.T) {
	const of = "  stepup: {clients: [webcenter]}"
	for name, c := range map[string]struct{ old, new, want string }{
		"a flow for nobody":   {of, "", "gate.stepup: is missing: nobody is asked for the second factor"},
		"nothing to ask for":  {", stepup: [{any: [second, nect]}]", "", "gate.flows.stepup: is missing: there is no second factor to ask for"},
		"no client":           {of, "  stepup: {clients: []}", "gate.stepup: names no client"},
		"an empty client":     {of, "  stepup: {clients: ['']}", "gate.stepup.clients[0]: is empty"},
		"a client twice":      {of, "  stepup: {clients: [a, a]}", "gate.stepup.clients[1]: stands there twice"},
		"always, and for one": {of, "  stepup: {clients: [webcenter], always: true}", "gate.stepup.clients: has no effect beside always"},
		"no such step":        {"{any: [second, nect]}", "{any: [secnod, nect]}", "gate.flows.stepup[0].any[0]: no such extension"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(stepup, c.old) {
				t.Fatalf("the good configuration has no %q", c.old)
			}
			_, err := config.Parse("c.yaml", []byte(strings.Replace(stepup, c.old, c.new, 1)))
			var problems strictyaml.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Hint == "" && !strings.Contains(name, "client") {
				t.Fatalf("want one problem with a hint: %v", err)
			}
			if got := problems[0].Path + ": " + problems[0].Message; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestALoginIsConfirmedOnPhones: without them the step would show everybody
// how to register one, and nobody could.
func TestALoginIsConfirmedOnPhones(t *testing.T) {
	text, _, _ := strings.Cut(stepup, "\napprovals:")
	_, err := config.Parse("c.yaml", []byte(strings.Replace(text, ", enrolment: [{any: [nect]}]", "", 1)))
	var problems strictyaml.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Path != "devices" {
		t.Errorf("%v", err)
	}
	if _, err := config.Parse("c.yaml", []byte(strings.Replace(text, "[second, nect]", "[nect]", 1))); err != nil {
		t.Errorf("without that step: %v", err)
	}
}

// TestTheCardIsNoSecondFactor: it lies in the handbag in which the phone is.
func TestTheCardIsNoSecondFactor(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(strings.Replace(stepup, "[second, nect]", "[second, egk]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var problems strictyaml.Problems
	if _, err := c.Plans(standing); !errors.As(err, &problems) || problems[0].Path != "gate.flows.stepup[0]" {
		t.Errorf("%v", err)
	}
}
