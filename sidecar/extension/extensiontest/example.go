package extensiontest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
)

// frame is what a whole configuration has besides an example: the least with
// which the program starts. Its own steps have kinds that no program has.
const frame = `
listen: {address: 127.0.0.1:8080}
store: sqlite:/var/lib/schleuse/schleuse.db
keys_file: /run/secrets/schleuse/keys.json
brand: {name: Muster-Krankenkasse}
gate:
  public_url: https://login.kasse.example
  keycloak: {url: https://keycloak:8443, realm: kasse, client: schleuse, secret_file: /run/secrets/schleuse/keycloak}
  since: 2026-12-01
`

const (
	number = "example_number" // a step in front
	proof  = "example_proof"  // one that identifies
	others = "  " + number + ": {kind: " + number + "}\n  " + proof + ": {kind: " + proof + "}\n"
)

// checkExample reads an example as part of a whole file, as `schleuse check`
// does, and returns how often the kind stands in it.
func checkExample(t *testing.T, f extension.Factory, text string) int {
	t.Helper()
	part, err := config.Parse("example", []byte(text))
	if part == nil {
		t.Errorf("the example: %v", err)
		return 0
	}
	cfg, err := config.Parse("example", []byte(whole(f, part, text)))
	if err != nil {
		t.Errorf("the example: %v", err)
	}
	if cfg == nil {
		return 0
	}
	n := 0
	cfg.EachExtension(func(key string, e config.Extension) {
		if e.Kind != f.Kind {
			return
		}
		n++
		if err := e.Problem(f.Check(e.Decode)); err != nil {
			t.Errorf("the example %q: %v", key, err)
		}
	})
	if _, planned := cfg.Plans(standOf(f)); err == nil && planned != nil {
		t.Errorf("the example: %v", planned)
	}
	return n
}

// standOf knows the kinds of a whole example.
func standOf(f extension.Factory) func(kind string) (config.Stand, bool) {
	return func(kind string) (config.Stand, bool) {
		switch kind {
		case f.Kind:
			return config.Stand{Place: f.Place, Flows: f.Flows}, true
		case number:
			return config.Stand{Place: flow.InFront}, true
		case proof:
			return config.Stand{Place: flow.Behind}, true
		}
		return config.Stand{}, false
	}
}

// whole puts the example in the frame, and its steps in flows.
func whole(f extension.Factory, part *config.Config, text string) string {
	var steps []string
	for _, name := range slices.Sorted(maps.Keys(part.Extensions)) {
		if part.Extensions[name].Kind == f.Kind {
			steps = append(steps, name)
		}
	}
	if before, after, found := strings.Cut("\n"+text, "\nextensions:\n"); found {
		text = before + "\nextensions:\n" + others + after
	} else {
		text += "extensions:\n" + others
	}
	if part.Members == nil {
		text += "members: {kind: example_members}\n"
	}
	return text + frame + flows(f, steps)
}

// flows lets each of the steps stand where steps of its place do.
func flows(f extension.Factory, steps []string) string {
	own := strings.Join(append(steps, ""), ", ")
	switch {
	case slices.Equal(f.Flows, []flow.Name{flow.Enrolment}):
		return "  flows:\n    login: [" + number + ", keycloak, " + proof + "]\n    enrolment: [{any: [" + own + proof + "]}]\n"
	case slices.Equal(f.Flows, []flow.Name{flow.Stepup}):
		return "  flows:\n    login: [" + number + ", keycloak, " + proof + "]\n    enrolment: [" + proof + "]\n    stepup: [{any: [" + own + proof + "]}]\n  stepup: {clients: [webcenter]}\n"
	case f.Place == flow.InFront:
		return "  flows: {login: [" + number + ", " + own + "keycloak, " + proof + "]}\n"
	case f.Place == flow.Closing:
		return "  flows:\n    login: [" + number + ", keycloak, " + proof + "]\n" +
			"    registration: [" + number + ", " + proof + ", " + own + "]\n" +
			"    recovery: [" + number + ", " + proof + ", " + own + "]\n"
	}
	return "  flows: {login: [" + number + ", keycloak, {any: [" + own + proof + "]}]}\n"
}
