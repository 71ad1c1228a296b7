package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// phones is good with phones and something to confirm on them.
var phones = strings.Replace(good, "{any: [egk, nect]}]}", "{any: [egk, nect]}], enrolment: [{any: [nect]}]}", 1) + `
approvals:
  actions:
    adresse: {title: {de: Adresse, en: Address}, fields: [{name: neu, label: {de: Neue, en: New}}]}
  clients: {backend: {actions: [adresse]}}
devices: {clients: [kundenapp]}
`

func TestPhonesGetTheirDefaults(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(phones))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Approvals.Actions["adresse"]
	got := []any{c.Approvals.Audience, c.Approvals.PerHour, a.Lifetime, a.Risk, a.MatchCode}
	if diff := cmp.Diff([]any{"schleuse", 10, 5 * time.Minute, config.HighRisk, 3}, got); diff != "" {
		t.Errorf("approvals (-want +got):\n%s", diff)
	}
	want := &config.Devices{
		Clients: []string{"kundenapp"}, Audience: "schleuse", Limit: 5, CoolDown: 24 * time.Hour, Tries: 5,
		Password: config.DevicePassword{Min: 8}, PIN: config.PIN{Digits: 6, Tries: 5, Idle: 5 * time.Minute},
	}
	if diff := cmp.Diff(want, c.Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

func TestAppsInBrowsersAreNamedByTheirOrigins(t *testing.T) {
	want := []string{"https://app.example", "https://app.example:8443", "http://localhost", "http://app.localhost:8084"}
	text := strings.Replace(phones, "clients: [kundenapp]}", "clients: [kundenapp], origins: ['"+strings.Join(want, "', '")+"']}", 1)
	c, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Devices.Origins); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMistakesAboutPhones changes the good configuration in one place each.
func TestMistakesAboutPhones(t *testing.T) {
	const action = "approvals.actions.adresse"
	for name, c := range map[string]struct{ old, new, want string }{
		"no enrolment":      {", enrolment: [{any: [nect]}]", "", "gate.flows.enrolment: is missing: no phone could ever be registered"},
		"no phones":         {"devices: {clients: [kundenapp]}", "", "approvals: needs a gate and devices"},
		"no app":            {"devices: {clients: [kundenapp]}", "devices: {clients: []}", "devices.clients: is missing"},
		"many phones":       {"clients: [kundenapp]}", "clients: [kundenapp], limit: 21}", "devices.limit: want a number from 1 to 20"},
		"few tries":         {"clients: [kundenapp]}", "clients: [kundenapp], tries: 2}", "devices.tries: want a number from 3 to 10"},
		"short password":    {"clients: [kundenapp]}", "clients: [kundenapp], password: {min: 5}}", "devices.password.min: want a number from 6 to 64"},
		"long cool-down":    {"clients: [kundenapp]}", "clients: [kundenapp], cool_down: 15d}", "devices.cool_down: want 0s to 14d"},
		"short PIN":         {"clients: [kundenapp]}", "clients: [kundenapp], pin: {digits: 3}}", "devices.pin.digits: want a number from 4 to 12"},
		"many PINs":         {"clients: [kundenapp]}", "clients: [kundenapp], pin: {tries: 11}}", "devices.pin.tries: want a number from 3 to 10"},
		"always asked":      {"clients: [kundenapp]}", "clients: [kundenapp], pin: {idle: 29s}}", "devices.pin.idle: want 30s to 1h"},
		"a path":            {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://app.example/']}", "devices.origins[0]: no origin as browsers write it"},
		"any page":          {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['*']}", "devices.origins[0]: no origin as browsers write it"},
		"any subdomain":     {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://*.app.example']}", "devices.origins[0]: no origin as browsers write it"},
		"nobody's page":     {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['null']}", "devices.origins[0]: no origin as browsers write it"},
		"a page in clear":   {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['http://app.example']}", "devices.origins[0]: no origin as browsers write it"},
		"no localhost":      {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['http://evillocalhost:1']}", "devices.origins[0]: no origin as browsers write it"},
		"capital letters":   {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://App.example']}", "devices.origins[0]: no origin as browsers write it"},
		"the usual port":    {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://app.example:443']}", "devices.origins[0]: no origin as browsers write it"},
		"a name before @":   {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://app@evil.example']}", "devices.origins[0]: no origin as browsers write it"},
		"a page twice":      {"clients: [kundenapp]}", "clients: [kundenapp], origins: ['https://a.example', 'https://a.example']}", "devices.origins[1]: stands there twice"},
		"pages of nobody":   {"clients: [kundenapp]}", "clients: [kundenapp], page: {client: {secret_file: /x}}}", "devices.page.client.id: is missing"},
		"pages unproven":    {"clients: [kundenapp]}", "clients: [kundenapp], page: {client: {id: my}}}", "devices.page.client.secret_file: is missing"},
		"pages of the app":  {"clients: [kundenapp]}", "clients: [kundenapp], page: {client: {id: kundenapp, secret_file: /x}}}", "devices.page.client.id: is another kind of client"},
		"no audience":       {"clients: [kundenapp]}", "clients: [kundenapp], audience: ''}", "devices.audience: is missing"},
		"unknown action":    {"actions: [adresse]", "actions: [adrese]", "approvals.clients.backend.actions[0]: no such action"},
		"nothing to ask":    {"{backend: {actions: [adresse]}}", "{backend: {actions: []}}", "approvals.clients.backend.actions: is missing"},
		"nobody asks":       {"{backend: {actions: [adresse]}}", "{}", "approvals.clients: is missing"},
		"silent field":      {"label: {de: Neue, en: New}", "label: {de: Neue}", action + ".fields[0].label: says nothing in en"},
		"nameless field":    {"name: neu", "name: ''", action + ".fields[0].name: is missing"},
		"odd field":         {"name: neu", "name: Neu", action + ".fields[0].name: no name for a field"},
		"double field":      {"fields: [", "fields: [{name: neu, label: {de: a, en: b}}, ", action + ".fields[1].name: stands there twice"},
		"nothing to show":   {"fields: [{name: neu, label: {de: Neue, en: New}}]", "fields: []", action + ".fields: is missing"},
		"long title":        {"de: Adresse,", "de: " + strings.Repeat("a", 201) + ",", action + ".title.de: is longer than 200 bytes"},
		"short code":        {"title: {de: Adresse", "match_code: 1, title: {de: Adresse", action + ".match_code: want a number from 2 to 6"},
		"long life":         {"title: {de: Adresse", "lifetime: 2h, title: {de: Adresse", action + ".lifetime: want 30s to 1h"},
		"no risk":           {"title: {de: Adresse", "risk: none, title: {de: Adresse", action + ".risk: want high or low"},
		"plain webhook":     {"actions: [adresse]", "actions: [adresse], webhook: {url: 'http://a.example/b', secret_file: /x}", "approvals.clients.backend.webhook.url: want https://"},
		"webhook to nobody": {"actions: [adresse]", "actions: [adresse], webhook: {secret_file: /x}", "approvals.clients.backend.webhook.url: is missing"},
		"unsigned webhook":  {"actions: [adresse]", "actions: [adresse], webhook: {url: 'https://a.example/b'}", "approvals.clients.backend.webhook.secret_file: is missing"},
		"every hour":        {"approvals:\n", "approvals:\n  per_hour: 0\n", "approvals.per_hour: want a number from 1 to 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(phones, c.old) {
				t.Fatalf("the good configuration has no %q", c.old)
			}
			_, err := config.Parse("c.yaml", []byte(strings.Replace(phones, c.old, c.new, 1)))
			var problems strictyaml.Problems
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Fatalf("want one problem: %v", err)
			}
			if got := problems[0].Path + ": " + problems[0].Message; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
