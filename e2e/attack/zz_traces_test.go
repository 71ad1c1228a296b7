package attack_test

import (
	"os"
	"testing"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

// TestNothingPersonalStandsInTheLogsOfTheAttacks runs last: whatever was
// thrown at the gate, no log of it names a person, Schleuse's at debug and
// Keycloak's.
func TestNothingPersonalStandsInTheLogsOfTheAttacks(t *testing.T) {
	somebody := newScene(t, "attack-web") // so that there is one when it runs alone
	somebody.login(somebody.app.Begin(nil).URL)
	s := traces.Of(append(stage.People(), met.all()...))
	texts, broken, err := traces.Logs(here.Logs, os.Getenv(stage.LogVariable))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if found := s.OrDigitsIn(text); found != "" {
			t.Errorf("%q stands in %s", found, text)
		}
	}
	for _, line := range broken {
		t.Errorf("a line of the log is no JSON: %s", line)
	}
	if len(texts) == 0 {
		t.Error("the logs are empty")
	}
}
