package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// keycloakStep marks Keycloak's own login in a flow.
const keycloakStep = "keycloak"

// What gate.open may open, and which of it are grants at the token endpoint.
const (
	OpenAccount  = "account"  // Keycloak's account console
	OpenDevice   = "device"   // device authorization grant (RFC 8628)
	OpenCIBA     = "ciba"     // client-initiated backchannel authentication
	OpenExchange = "exchange" // token exchange (RFC 8693)
)

func openWords() []string { return []string{OpenAccount, OpenDevice, OpenCIBA, OpenExchange} }

func grantWords() []string { return []string{OpenDevice, OpenCIBA, OpenExchange} }

var (
	relativePath = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`)
	realmName    = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

func (ck *checker) gate(g *Gate) {
	if g.PublicURL.IsZero() {
		ck.at("is missing", "what browsers see, such as https://login.kasse.example", "gate", "public_url")
	}
	ck.secure(g.PublicURL, "gate", "public_url")
	if p := g.RelativePath(); p != "" && !relativePath.MatchString(p) {
		ck.at("no relative path of Keycloak", "such as /auth, without /realms/…", "gate", "public_url")
	}
	if strings.Contains(g.PublicURL.Path, "/realms") {
		ck.at("has /realms in its path", "leave that out", "gate", "public_url")
	}
	ck.keycloak(g.Keycloak)
	ck.required(g.IdentifiedRole, "identified", "gate", "identified_role")
	if g.Since.IsZero() {
		ck.at("is missing", "the day of introduction, such as 2026-12-01", "gate", "since")
	}
	ck.exempt(g)
	ck.start(g)
	ck.opened(g)
	ck.words(g.PlainClients, "gate", "plain_clients")
	ck.stepup(g)
	ck.between(g.AttemptsPerAddress, 10, 10_000, "gate", "attempts_per_address")
}

func (ck *checker) keycloak(k Keycloak) {
	ck.web(k.URL, "gate", "keycloak", "url")
	ck.required(k.Realm, "the realm's name", "gate", "keycloak", "realm")
	if k.Realm != "" && !realmName.MatchString(k.Realm) {
		ck.at("no name of a realm", "letters, digits, . _ -", "gate", "keycloak", "realm")
	}
	if k.Realm == "master" {
		ck.at("the realm of Keycloak's administrators cannot stand behind the gate",
			"whoever may set passwords there owns the server: use a realm of its own", "gate", "keycloak", "realm")
	}
	ck.required(k.Client, "the client that realm apply makes", "gate", "keycloak", "client")
	ck.required(k.SecretFile, "name the file with the client's secret", "gate", "keycloak", "secret_file")
	if (k.TLS.CertFile == "") != (k.TLS.KeyFile == "") {
		ck.at("cert_file and key_file belong together", "", "gate", "keycloak", "tls")
	}
	if k.TLS != (ClientTLS{}) && k.URL.Scheme == "http" {
		ck.at("has no effect: gate.keycloak.url is http", "make it https", "gate", "keycloak", "tls")
	}
}

func (ck *checker) exempt(g *Gate) {
	ck.words(g.ExemptRoles, "gate", "exempt_roles")
	for i, role := range g.ExemptRoles {
		key := []string{"gate", "exempt_roles", strconv.Itoa(i)}
		switch role {
		case g.IdentifiedRole:
			ck.at("is the role of the identified", "an exempt role says that the gate leaves a person alone; it must be another", key...)
		case "default-roles-" + strings.ToLower(g.Keycloak.Realm):
			ck.at("everybody has this role", "nobody would be identified: use a role that only staff or partners have", key...)
		}
	}
}

// words wants no empty and no double entries.
func (ck *checker) words(list []string, keys ...string) {
	for i, w := range list {
		at := append(slices.Clone(keys), strconv.Itoa(i))
		if strings.TrimSpace(w) == "" {
			ck.at("is empty", "", at...)
		} else if slices.Contains(list[:i], w) {
			ck.at("stands there twice", "", at...)
		}
	}
}

func (ck *checker) start(g *Gate) {
	for _, client := range slices.Sorted(maps.Keys(g.Start)) {
		u := g.Start[client]
		switch u.Scheme {
		case "https", "http":
			ck.secure(u, "gate", "start", client)
		case "javascript", "data", "file", "vbscript", "blob":
			ck.at("this scheme leads nowhere safe", "https://…, or the app's own scheme", "gate", "start", client)
		}
	}
}

func (ck *checker) opened(g *Gate) {
	for i, word := range g.Open {
		if !slices.Contains(openWords(), word) {
			ck.at("no such thing to open", meant(word, openWords()), "gate", "open", strconv.Itoa(i))
		}
	}
	ck.words(g.Open, "gate", "open")
	for _, client := range slices.Sorted(maps.Keys(g.Grants)) {
		for i, word := range g.Grants[client] {
			key := []string{"gate", "grants", client, strconv.Itoa(i)}
			switch {
			case !slices.Contains(grantWords(), word):
				ck.at("no such grant", meant(word, grantWords()), key...)
			case !slices.Contains(g.Open, word):
				ck.at("is not open", "add "+word+" to gate.open first", key...)
			}
		}
	}
}

func meant(word string, known []string) string {
	if near := strictyaml.Nearest(word, known); near != "" {
		return `did you mean "` + near + `"?`
	}
	return "there are " + strings.Join(known, ", ")
}

func (ck *checker) flows(c *Config) {
	ck.stepupOnPhones(c)
	for _, f := range c.Gate.Flows.all() {
		ck.flow(c, f)
	}
	login := c.Gate.Flows.Login
	marks, after := 0, 0
	for _, entry := range login {
		after++
		if !entry.Choice && slices.Contains(entry.Any, keycloakStep) {
			marks, after = marks+1, 0
		}
	}
	switch {
	case len(login) == 0:
		ck.at("is missing", "such as [kvnr, keycloak, {any: [egk]}]", "gate", "flows", "login")
	case marks != 1:
		ck.at("keycloak must stand in it exactly once", "it marks where Keycloak's own login comes", "gate", "flows", "login")
	case after == 0:
		ck.at("nothing comes after keycloak, so nobody would ever be identified", "add a step, such as {any: [egk]}", "gate", "flows", "login")
	}
}

func (ck *checker) flow(c *Config, f namedFlow) {
	seen := map[string]bool{}
	for i, entry := range f.entries {
		for j, name := range entry.Any {
			key := []string{"gate", "flows", string(f.name), strconv.Itoa(i)}
			if entry.Choice {
				key = append(key, "any", strconv.Itoa(j))
			}
			if name == keycloakStep && !entry.Choice && f.name == flow.Login {
				continue
			}
			ck.step(c, name, seen, key)
		}
	}
}

func (ck *checker) step(c *Config, name string, seen map[string]bool, key []string) {
	_, known := c.Extensions[name]
	switch {
	case name == keycloakStep:
		ck.at("Keycloak's own login is no alternative to a step", "let it stand alone, in the login", key...)
	case !known:
		hint := meant(name, slices.Sorted(maps.Keys(c.Extensions)))
		if len(c.Extensions) == 0 {
			hint = "add it to extensions"
		}
		ck.at("no such extension", hint, key...)
	case seen[name]:
		ck.at("stands there twice", "a step is asked once", key...)
	}
	seen[name] = true
}

// RelativePath is Keycloak's --http-relative-path without a slash at the end:
// "" or such as "/auth".
func (g *Gate) RelativePath() string { return strings.TrimRight(g.PublicURL.Path, "/") }

// Issuer is the `iss` of the realm's tokens.
func (g *Gate) Issuer() string {
	return g.PublicURL.Scheme + "://" + g.PublicURL.Host + g.RelativePath() + "/realms/" + g.Keycloak.Realm
}

// Starts returns where each client begins anew: gate.start, and for the sites
// of this gate that are not in it their public URL.
func (c *Config) Starts() map[string]string {
	out := map[string]string{}
	for _, s := range c.Sites {
		if s.Issuer.IsZero() {
			out[s.Client.ID] = s.PublicURL.String()
		}
	}
	if c.Gate != nil {
		for client, u := range c.Gate.Start {
			out[client] = u.String()
		}
	}
	return out
}
