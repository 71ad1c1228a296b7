package e2e_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

func TestNothingPersonalStandsInLogsMetricsAndAddresses(t *testing.T) {
	schleuse := openHouse(t)
	annexe := openAnnexe(t)
	s := allSecrets()
	t.Run("log", func(t *testing.T) {
		texts, broken, err := traces.Logs(theatre.Logs, os.Getenv(stage.LogVariable))
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
			t.Error("the log is empty")
		}
	})
	t.Run("metrics", func(t *testing.T) {
		body := fetch(t, schleuse.Internal+"/metrics") + fetch(t, annexe.Internal+"/metrics")
		if found := s.In(body); found != "" {
			t.Errorf("%q stands in the metrics", found)
		}
		for _, value := range traces.Labels(body) {
			if found := s.OrDigitsIn(value); found != "" {
				t.Errorf("%q stands in the metrics' label %q", found, value)
			}
		}
		if !strings.Contains(body, "schleuse_") {
			t.Error("no metric of ours is there")
		}
	})
	t.Run("addresses", func(t *testing.T) {
		b, err := chromium()
		if err != nil {
			t.Fatal(err)
		}
		noted, err := os.ReadFile(filepath.Join(theatre.Logs, play.AddressesFile))
		if err != nil {
			t.Fatal(err)
		}
		addresses := slices.Concat(b.Addresses(), annexe.chromium.Addresses(), strings.Split(lookUp.ReplaceAllString(hint.ReplaceAllString(string(noted), "$1"), "$1"), "\n"))
		for _, address := range addresses {
			for _, text := range traces.Unfold(address) {
				if found := s.OrDigitsIn(text); found != "" {
					t.Errorf("%q stands in the address %s", found, address)
				}
			}
		}
	})
}

// hint and lookUp are how the number reaches Keycloak, behind the gate: as a
// hint for its login page, and where an account is looked for by its name, for
// which the Admin API knows no other way. Nowhere else does it stand in an
// address. Keycloak's access log is off by default.
var (
	hint   = regexp.MustCompile(`([?&])login_hint=[^&\s]*`)
	lookUp = regexp.MustCompile(`(/admin/realms/[^/\s]+/users\?briefRepresentation=true&exact=true&max=2&)username=[^&\s]*`)
)

func fetch(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
