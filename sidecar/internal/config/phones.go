package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is asked on a phone. A screen holds no more, and people no
// longer know what they confirm.
const (
	maxActions      = 64
	maxActionFields = 12
	maxLifetime     = time.Hour
	minLifetime     = 30 * time.Second
)

var (
	actionName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	originForm = regexp.MustCompile(`^(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://([a-z0-9-]+\.)*localhost)(:[1-9][0-9]{0,4})?$`)
	fieldName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

func (ck *checker) approvals(c *Config) {
	a := c.Approvals
	if c.Gate == nil || c.Devices == nil {
		ck.at("needs a gate and devices", "approvals are confirmed on phones of people whom the gate knows", "approvals")
	}
	ck.required(a.Audience, "schleuse", "approvals", "audience")
	ck.between(a.PerHour, 1, 1000, "approvals", "per_hour")
	if len(a.Actions) == 0 {
		ck.at("is missing", "what people can confirm, such as adresse", "approvals", "actions")
	}
	if len(a.Actions) > maxActions {
		ck.at("at most "+strconv.Itoa(maxActions)+" actions", "", "approvals", "actions")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Actions)) {
		ck.action(c, name)
	}
	if len(a.Clients) == 0 {
		ck.at("is missing", "the client id of a backend and what it may ask for", "approvals", "clients")
	}
	for _, client := range slices.Sorted(maps.Keys(a.Clients)) {
		ck.backend(a, client)
	}
}

func (ck *checker) action(c *Config, name string) {
	at := func(keys ...string) []string { return append([]string{"approvals", "actions", name}, keys...) }
	a := c.Approvals.Actions[name]
	if !actionName.MatchString(name) {
		ck.at("no name for an action", "1 to 32 of a–z, 0–9, _ and -, a letter first", at()...)
	}
	ck.said(c, a.Title, at("title")...)
	if a.Lifetime < minLifetime || a.Lifetime > maxLifetime {
		ck.at("want 30s to 1h", "5m", at("lifetime")...)
	}
	ck.between(a.MatchCode, 2, 6, at("match_code")...)
	switch {
	case len(a.Fields) == 0:
		ck.at("is missing", "nobody confirms what they do not see", at("fields")...)
	case len(a.Fields) > maxActionFields:
		ck.at("at most "+strconv.Itoa(maxActionFields)+" fields", "a phone shows no more at once", at("fields")...)
	}
	seen := map[string]bool{}
	for i, f := range a.Fields {
		in := func(key string) []string { return at("fields", strconv.Itoa(i), key) }
		switch {
		case f.Name == "":
			ck.at("is missing", "", in("name")...)
		case !fieldName.MatchString(f.Name):
			ck.at("no name for a field", "1 to 32 of a–z, 0–9 and _, a letter first", in("name")...)
		case seen[f.Name]:
			ck.at("stands there twice", "", in("name")...)
		}
		seen[f.Name] = true
		ck.said(c, f.Label, in("label")...)
	}
}

// said wants a text in each language of the pages.
func (ck *checker) said(c *Config, texts map[string]string, keys ...string) {
	if len(texts) == 0 {
		ck.at("is missing", "by language, such as {de: …, en: …}", keys...)
		return
	}
	for _, lang := range c.Brand.Languages {
		if texts[lang] == "" {
			ck.at("says nothing in "+lang, "brand.languages has it", keys...)
		}
	}
	for _, lang := range slices.Sorted(maps.Keys(texts)) {
		if len(texts[lang]) > 200 {
			ck.at("is longer than 200 bytes", "a phone is narrow", append(keys, lang)...)
		}
	}
}

func (ck *checker) backend(a *Approvals, client string) {
	at := func(keys ...string) []string { return append([]string{"approvals", "clients", client}, keys...) }
	b := a.Clients[client]
	if len(b.Actions) == 0 {
		ck.at("is missing", "the actions that it may ask for", at("actions")...)
	}
	ck.words(b.Actions, at("actions")...)
	for i, name := range b.Actions {
		if _, known := a.Actions[name]; !known {
			ck.at("no such action", meant(name, slices.Sorted(maps.Keys(a.Actions))), at("actions", strconv.Itoa(i))...)
		}
	}
	w := b.Webhook
	if w == nil {
		return
	}
	if w.URL.IsZero() {
		ck.at("is missing", "where messages are posted to", at("webhook", "url")...)
	}
	ck.secure(w.URL, at("webhook", "url")...)
	ck.required(w.SecretFile, "name the file with the shared secret", at("webhook", "secret_file")...)
}

func (ck *checker) devices(c *Config) {
	d := c.Devices
	if c.Gate == nil {
		ck.at("needs a gate", "phones belong to people who sign in there", "devices")
	} else if c.Gate.Flows.Enrolment == nil {
		ck.at("is missing: no phone could ever be registered", "such as [{any: [nect, letter]}]", "gate", "flows", "enrolment")
	}
	if len(d.Clients) == 0 {
		ck.at("is missing", "the client ids of the apps that register phones", "devices", "clients")
	}
	ck.words(d.Clients, "devices", "clients")
	ck.origins(d.Origins, "devices", "origins")
	ck.required(d.Audience, "schleuse", "devices", "audience")
	ck.between(d.Limit, 1, 20, "devices", "limit")
	ck.between(d.Tries, 3, 10, "devices", "tries")
	ck.between(d.Password.Min, 6, 64, "devices", "password", "min")
	ck.between(d.PIN.Digits, 4, 12, "devices", "pin", "digits")
	ck.between(d.PIN.Tries, 3, 10, "devices", "pin", "tries")
	if d.CoolDown < 0 || d.CoolDown > 14*24*time.Hour {
		ck.at("want 0s to 14d", "24h", "devices", "cool_down")
	}
	if d.PIN.Idle < 30*time.Second || d.PIN.Idle > time.Hour {
		ck.at("want 30s to 1h", "5m", "devices", "pin", "idle")
	}
	if d.Page != nil {
		ck.devicePage(c)
	}
}

func (ck *checker) devicePage(c *Config) {
	own := c.Devices.Page.Client
	ck.required(own.ID, "the client id of the pages for people's own phones, such as meine-geraete", "devices", "page", "client", "id")
	ck.required(own.SecretFile, "name the file with the client's secret", "devices", "page", "client", "secret_file")
	if own.ID == "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sites)) {
		if c.Sites[name].Client.ID == own.ID {
			ck.at("is the client of site "+name, "give the pages one of their own: each ends its own sessions", "devices", "page", "client", "id")
		}
	}
	if slices.Contains(c.Devices.Clients, own.ID) || c.Gate != nil && slices.Contains(c.Gate.PlainClients, own.ID) {
		ck.at("is another kind of client", "give the pages one of their own, which neither registers phones nor is plain", "devices", "page", "client", "id")
	}
}

// maxOrigins bounds the apps that run in browsers.
const maxOrigins = 16

// origins wants origins (RFC 6454) exactly as browsers write them: anything
// else would never be met, or by more than was meant.
func (ck *checker) origins(origins []string, keys ...string) {
	if len(origins) > maxOrigins {
		ck.at("at most "+strconv.Itoa(maxOrigins)+" origins", "", keys...)
	}
	for i, o := range origins {
		at := append(slices.Clone(keys), strconv.Itoa(i))
		switch {
		case !originForm.MatchString(o) || strings.HasPrefix(o, "https://") && strings.HasSuffix(o, ":443") || strings.HasPrefix(o, "http://") && strings.HasSuffix(o, ":80"):
			ck.at("no origin as browsers write it", "https://app.kasse.example: lower case, no path, no usual port, no star; http only for localhost", at...)
		case slices.Contains(origins[:i], o):
			ck.at("stands there twice", "", at...)
		}
	}
}
