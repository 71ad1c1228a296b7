package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// good is a valid configuration with a gate and a site.
const good = `
listen: {address: 127.0.0.1:8080}
store: sqlite:/var/lib/schleuse/schleuse.db
keys_file: /run/secrets/keys.json
brand: {name: Kasse}
gate:
  public_url: https://login.kasse.example/auth
  keycloak: {url: "http://127.0.0.1:8081", realm: kasse, client: schleuse, secret_file: /run/secrets/client}
  since: 2026-12-01
  exempt_roles: [mitarbeiter]
  plain_clients: [partnerportal]
  start: {kundenapp: "kundenapp://start"}
  open: [device]
  grants: {tv: [device]}
  flows: {login: [kvnr, keycloak, {any: [egk, nect]}]}
members: {kind: csv, config: {file: members.csv}}
extensions:
  kvnr: {kind: kvnr}
  egk: {kind: egk, config: {tries: 3}}
  nect: {kind: nect}
sites:
  webcenter:
    public_url: https://webcenter.kasse.example
    upstream: http://127.0.0.1:8082
    client: {id: webcenter, secret_file: /run/secrets/webcenter}
    session: {idle: 15m}
`

func TestSectionsGetTheirDefaults(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"role": c.Gate.IdentifiedRole, "mode": c.Gate.Mode.String(), "internal": c.Internal,
		"languages": strings.Join(c.Brand.Languages, " "), "idle": c.Sites["webcenter"].Session.Idle,
		"absolute": c.Sites["webcenter"].Session.Absolute, "path": c.Gate.RelativePath(), "issuer": c.Gate.Issuer(),
		"start": c.Starts()["webcenter"] + " " + c.Starts()["kundenapp"],
		"flow":  fmt.Sprint(c.Gate.Flows.Login), "attempts": c.Gate.AttemptsPerAddress, "connections": c.Listen.Connections,
	}
	want := map[string]any{
		"role": "identified", "mode": "enforce", "internal": "127.0.0.1:9090", "languages": "de en",
		"idle": 15 * time.Minute, "absolute": 12 * time.Hour, "path": "/auth",
		"issuer": "https://login.kasse.example/auth/realms/kasse",
		"start":  "https://webcenter.kasse.example kundenapp://start",
		"flow":   "[{[kvnr] false} {[keycloak] false} {[egk nect] true}]", "attempts": 200, "connections": 10_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes changes the good configuration in one place each.
func TestMistakes(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           []string // path: message, in the order of lines
	}{
		{"unknown key", "store:", "stor:", []string{"store: is missing", "stor: unknown key"}},
		{"double key", "brand: {name: Kasse}", "brand: {name: Kasse, name: Andere}", []string{"brand.name: double key, first on line 5"}},
		{"inline secret", "secret_file: /run/secrets/client", "secret: hunter2", []string{
			"gate.keycloak.secret: a secret does not stand in the configuration", "gate.keycloak.secret_file: is missing",
		}},
		{"open without proxies", "127.0.0.1:8080}", `":8080"}`, []string{
			"trusted_proxies: must be set: listen.address is open to other machines without TLS, so a proxy must stand in front",
		}},
		{"everybody a proxy", "listen:", "trusted_proxies: [0.0.0.0/0]\nlisten:", []string{"trusted_proxies[0]: everybody would be believed to be a proxy"}},
		{"half TLS", "127.0.0.1:8080}", "127.0.0.1:8080, tls: {cert_file: a}}", []string{"listen.tls.key_file: is missing"}},
		{"few connections", "127.0.0.1:8080}", "127.0.0.1:8080, connections: 99}", []string{"listen.connections: want a number from 100 to 1000000"}},
		{"many attempts", "  since:", "  attempts_per_address: 10001\n  since:", []string{"gate.attempts_per_address: want a number from 10 to 10000"}},
		{"same port", "listen:", "internal: 127.0.0.1:8080\nlisten:", []string{"internal: the internal port must be another than that of listen"}},
		{"password in store", "sqlite:/var/lib/schleuse/schleuse.db", "postgres://a:hunter2@127.0.0.1/db", []string{"store: a password does not stand in the configuration"}},
		{"store over the network", "sqlite:/var/lib/schleuse/schleuse.db", "postgres://a@db/db", []string{"store: the database is on another machine: want sslmode=verify-full"}},
		{"relative store", "sqlite:/var", "sqlite:var", []string{"store: want sqlite: and an absolute path"}},
		{"short retention", "brand: {name: Kasse}", "brand: {name: Kasse}\naudit: {retention: 7d}", []string{"audit.retention: is too short"}},
		{"no name", "{name: Kasse}", "{help_phone: 0800}", []string{"brand.name: is missing"}},
		{"language", "{name: Kasse}", "{name: Kasse, languages: [fr]}", []string{"brand.languages[0]: no such language"}},
		{"http in public", "https://login", "http://login", []string{"gate.public_url: want https://"}},
		{"realms in the URL", "/auth\n", "/auth/realms/kasse\n", []string{"gate.public_url: has /realms in its path"}},
		{"path of Keycloak", "8081\"", "8081/auth\"", []string{"gate.keycloak.url: has a path"}},
		{"password in a URL", "127.0.0.1:8081", "a:hunter2@127.0.0.1:8081", []string{"gate.keycloak.url: a URL has no user name or password here"}},
		{"master", "realm: kasse", "realm: master", []string{"gate.keycloak.realm: the realm of Keycloak's administrators cannot stand behind the gate"}},
		{"since", "2026-12-01", "soon", []string{"gate.since: want a day such as 2026-12-01"}},
		{"no since", "  since: 2026-12-01\n", "", []string{"gate.since: is missing"}},
		{"mode", "  since:", "  mode: off\n  since:", []string{"gate.mode: want enforce or observe"}},
		{"exempt is identified", "[mitarbeiter]", "[identified]", []string{"gate.exempt_roles[0]: is the role of the identified"}},
		{"exempt is everybody", "[mitarbeiter]", "[default-roles-kasse]", []string{"gate.exempt_roles[0]: everybody has this role"}},
		{"script as start", `"kundenapp://start"`, `"javascript://x/%0aalert()"`, []string{"gate.start.kundenapp: this scheme leads nowhere safe"}},
		{"open word", "open: [device]", "open: [devise, device]", []string{"gate.open[0]: no such thing to open"}},
		{"grant not open", "open: [device]", "open: []", []string{"gate.grants.tv[0]: is not open"}},
		{"unknown step", "[kvnr, keycloak,", "[kvn, keycloak,", []string{"gate.flows.login[0]: no such extension"}},
		{"keycloak twice", "[kvnr, keycloak,", "[keycloak, keycloak,", []string{"gate.flows.login: keycloak must stand in it exactly once"}},
		{"keycloak missing", "[kvnr, keycloak,", "[kvnr,", []string{"gate.flows.login: keycloak must stand in it exactly once"}},
		{"keycloak as a choice", "any: [egk, nect]", "any: [egk, keycloak]", []string{"gate.flows.login[2].any[1]: Keycloak's own login is no alternative to a step"}},
		{"nothing after keycloak", "keycloak, {any: [egk, nect]}]", "keycloak]", []string{
			"gate.flows.login: nothing comes after keycloak, so nobody would ever be identified",
		}},
		{"step twice", "any: [egk, nect]", "any: [egk, egk]", []string{"gate.flows.login[2].any[1]: stands there twice"}},
		{"empty choice", "any: [egk, nect]", "any: []", []string{"gate.flows.login[2]: want a step's name or {any: [names]}"}},
		{"other flow", "flows: {", "flows: {farewell: [kvnr], ", []string{"gate.flows.farewell: unknown key"}},
		{"unknown step elsewhere", "flows: {", "flows: {recovery: [kvnr, {any: [nct]}], ", []string{`gate.flows.recovery[1].any[0]: no such extension`}},
		{"keycloak elsewhere", "flows: {", "flows: {registration: [kvnr, keycloak], ", []string{"gate.flows.registration[1]: Keycloak's own login is no alternative to a step"}},
		{"notifier's name taken", "extensions:", "notifiers: [{kind: egk}, {kind: mail}, {kind: mail}]\nextensions:", []string{"notifiers[0]: this name is taken", "notifiers[2]: this name is taken"}},
		{"notifier's name", "extensions:", "notifiers: [{kind: mail, name: keycloak}, {kind: mail, name: A}, {}]\nextensions:", []string{"notifiers[0].name: this name is taken by Schleuse itself", "notifiers[1].name: no name for a notifier", "notifiers[2].kind: is missing"}},
		{"extension's name", "  nect: {kind: nect}", "  nect: {kind: nect}\n  Nect-2: {kind: nect}", []string{"extensions.Nect-2: no name for an extension"}},
		{"reserved name", "  nect: {kind: nect}", "  nect: {kind: nect}\n  authenticators: {kind: nect}", []string{"extensions.authenticators: this name is taken by Schleuse itself"}},
		{"no kind", "kvnr: {kind: kvnr}", "kvnr: {}", []string{"extensions.kvnr.kind: is missing"}},
		{"null", "brand: {name: Kasse}", "brand: {name: }", []string{"brand.name: no value"}},
		{"same host", "https://webcenter.kasse.example", "https://LOGIN.kasse.example", []string{"sites.webcenter.public_url: has the same host as gate.public_url"}},
		{"idle longer than all", "{idle: 15m}", "{idle: 15h}", []string{"sites.webcenter.session.idle: want at least 1m and at most session.absolute"}},
		{"duration", "{idle: 15m}", "{idle: 15 minutes}", []string{"sites.webcenter.session.idle: no duration"}},
		{"header", "    session:", "    headers: {Host: x}\n    session:", []string{"sites.webcenter.headers.Host: this header cannot carry an identity"}},
		{"alias", "brand: {name: Kasse}", "brand: {name: &x Kasse, help_phone: *x}", []string{
			"brand.name: anchors, aliases, tags and merge keys are not read", "brand.help_phone: anchors, aliases, tags and merge keys are not read",
		}},
		{"list for a value", "brand: {name: Kasse}", "brand: {name: [Kasse]}", []string{"brand.name: want a single value"}},
		{"value for a list", "[mitarbeiter]", "mitarbeiter", []string{"gate.exempt_roles: want a list"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			_, err := config.Parse("c.yaml", []byte(text))
			if diff := cmp.Diff(tt.want, told(t, err)); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown:\n%v", err)
			}
		})
	}
}

func told(t *testing.T, err error) []string {
	t.Helper()
	var problems strictyaml.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error is %v, want Problems", err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.Path+": "+p.Message)
	}
	return out
}

func TestMistakeNamesLineExcerptAndHint(t *testing.T) {
	_, err := config.Parse("c.yaml", []byte(strings.Replace(good, "realm: kasse", "reaml: kasse", 1)))
	want := `c.yaml:8: gate.keycloak.reaml: unknown key
    8 | reaml: …
    hint: did you mean "realm"?
c.yaml:8: gate.keycloak.realm: is missing
    hint: the realm's name`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestExtensionDecodesItsOwnBlockStrictly(t *testing.T) {
	text := strings.Replace(good, "config: {tries: 3}", "config: {tires: 3, lock: 1d12h}", 1)
	c, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	settings := struct {
		Tries int           `yaml:"tries"`
		Lock  time.Duration `yaml:"lock"`
	}{Tries: 5}
	err = c.Extensions["egk"].Decode(&settings)
	if diff := cmp.Diff([]string{"extensions.egk.config.tires: unknown key"}, told(t, err)); diff != "" {
		t.Error(diff)
	}
	if settings.Tries != 5 || settings.Lock != 36*time.Hour {
		t.Errorf("got %+v, want the default of 5 tries and 36h", settings)
	}
	err = c.Extensions["kvnr"].Problem(errors.New("tries: want at least 1"))
	if want := "c.yaml:18: extensions.kvnr: tries: want at least 1"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want prefix %q", err, want)
	}
}

func TestWarnings(t *testing.T) {
	text := strings.NewReplacer("http://127.0.0.1:8081", "http://keycloak:8080", "{any: [egk, nect]}", "egk",
		"  since:", "  mode: observe\n  since:").Replace(good)
	c, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, w := range c.Warnings() {
		keys = append(keys, strings.Join(strings.SplitN(w, ":", 3)[:2], ":"))
	}
	want := []string{"gate.mode: observe", "gate.keycloak.url: http", "gate.open: device", "extensions.nect: no flow uses it"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
}
