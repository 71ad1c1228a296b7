package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// minRetention is the least time for which an audit is worth having.
const minRetention = 30 * 24 * time.Hour

// checker collects what is wrong. Places that could not be read at all are
// left alone: their value is a default and says nothing.
type checker struct {
	root     strictyaml.Node
	unread   map[string]bool
	problems strictyaml.Problems
}

// problems returns what is wrong with the values, given what could not be read.
func (c *Config) problems(unread strictyaml.Problems) strictyaml.Problems {
	ck := &checker{root: c.root, unread: map[string]bool{}}
	for _, p := range unread {
		ck.unread[p.Path] = true
	}
	ck.entrance(c)
	ck.brand(c.Brand)
	if c.Gate == nil && len(c.Sites) == 0 {
		ck.add("there is nothing to do", "configure a gate, a site, or both")
	}
	if c.Gate != nil {
		ck.gate(c.Gate)
		ck.flows(c)
	}
	ck.extensions(c)
	ck.notifiers(c)
	for _, name := range slices.Sorted(maps.Keys(c.Sites)) {
		ck.site(c, name)
	}
	ck.hosts(c)
	if c.Approvals != nil {
		ck.approvals(c)
	}
	if c.Devices != nil {
		ck.devices(c)
	}
	if c.Audit.Retention < minRetention {
		ck.at("is too short", "at least 30d: an incident is often noticed late", "audit", "retention")
	}
	return ck.problems
}

func (ck *checker) at(message, hint string, keys ...string) {
	place := ck.root.At(keys...)
	for path := range ck.unread {
		if path == place.Path() || strings.HasPrefix(place.Path(), path+".") || strings.HasPrefix(place.Path(), path+"[") {
			return
		}
	}
	ck.problems = append(ck.problems, place.Problem(message, hint))
}

func (ck *checker) add(message, hint string) { ck.at(message, hint) }

// required reports an empty value.
func (ck *checker) required(value, hint string, keys ...string) {
	if value == "" {
		ck.at("is missing", hint, keys...)
	}
}

// between wants a number from low to high.
func (ck *checker) between(n, low, high int, keys ...string) {
	if n < low || n > high {
		ck.at(fmt.Sprintf("want a number from %d to %d", low, high), "leave it out if unsure", keys...)
	}
}

func (ck *checker) entrance(c *Config) {
	ck.address(c.Listen.Address, "listen", "address")
	ck.between(c.Listen.Connections, 100, 1_000_000, "listen", "connections")
	ck.address(c.Internal, "internal")
	if _, port, _ := net.SplitHostPort(c.Internal); port != "0" && samePort(c.Internal, c.Listen.Address) {
		ck.at("the internal port must be another than that of listen", "such as 127.0.0.1:9090", "internal")
	}
	if tls := c.Listen.TLS; tls != nil {
		ck.required(tls.CertFile, "name the certificate chain (PEM)", "listen", "tls", "cert_file")
		ck.required(tls.KeyFile, "name the private key (PEM)", "listen", "tls", "key_file")
	}
	host, _, _ := net.SplitHostPort(c.Listen.Address)
	if c.Listen.TLS == nil && !localHost(host) && len(c.TrustedProxies) == 0 {
		ck.at("must be set: listen.address is open to other machines without TLS, so a proxy must stand in front",
			"list the proxies' networks, such as [10.0.0.0/8], or set listen.tls, or listen on 127.0.0.1", "trusted_proxies")
	}
	for i, prefix := range c.TrustedProxies {
		if prefix.Bits() == 0 {
			ck.at("everybody would be believed to be a proxy", "list the proxies' own networks", "trusted_proxies", strconv.Itoa(i))
		}
	}
	ck.store(c.Store)
	ck.required(c.KeysFile, "make one with: schleuse keys init FILE", "keys_file")
}

func samePort(a, b string) bool {
	_, pa, errA := net.SplitHostPort(a)
	_, pb, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && pa == pb
}

func (ck *checker) address(address string, keys ...string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		ck.at("want host:port", "such as 127.0.0.1:8080, or :8080 for all addresses", keys...)
	}
}

func (ck *checker) store(dsn string) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "":
		ck.at("is missing", "sqlite:/var/lib/schleuse/schleuse.db, or postgres://user@host/database?sslmode=verify-full", "store")
	case "sqlite":
		if !strings.HasPrefix(rest, "/") || strings.Contains(rest, "?") {
			ck.at("want sqlite: and an absolute path", "such as sqlite:/var/lib/schleuse/schleuse.db", "store")
		}
	case "postgres", "postgresql":
		ck.postgres(dsn)
	default:
		ck.at("want sqlite:… or postgres://…", "", "store")
	}
}

func (ck *checker) postgres(dsn string) {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		ck.at("want postgres://user@host/database", "", "store")
		return
	}
	_, password := u.User.Password()
	if password || u.Query().Has("password") {
		ck.at("a password does not stand in the configuration",
			"put it into a file as pg_service passwords are written (host:port:database:user:password) and name that with passfile=", "store")
	}
	if mode := u.Query().Get("sslmode"); mode != "verify-full" && !localHost(u.Hostname()) {
		ck.at("the database is on another machine: want sslmode=verify-full", "add ?sslmode=verify-full, with sslrootcert= where its authority is your own", "store")
	}
}

func (ck *checker) brand(b Brand) {
	ck.required(b.Name, "the insurer's name, as pages show it", "brand", "name")
	if len(b.Languages) == 0 {
		ck.at("want at least one language", "[de, en]", "brand", "languages")
	}
	for i, l := range b.Languages {
		key := []string{"brand", "languages", strconv.Itoa(i)}
		if l != "de" && l != "en" {
			ck.at("no such language", "there are de and en", key...)
		} else if slices.Contains(b.Languages[:i], l) {
			ck.at("stands there twice", "", key...)
		}
	}
	links := map[string]URL{"home": b.Home, "imprint": b.Imprint, "privacy": b.Privacy, "accessibility": b.Accessibility}
	for _, key := range slices.Sorted(maps.Keys(links)) {
		ck.secure(links[key], "brand", key)
	}
}

// secure wants https, or http to this machine. An absent URL is well.
func (ck *checker) secure(u URL, keys ...string) {
	if u.IsZero() || u.Scheme == "https" || (u.Scheme == "http" && u.local()) {
		return
	}
	ck.at("want https://", "http is good for localhost, *.localhost and loopback addresses only", keys...)
}

// web wants http or https, a host, and no path.
func (ck *checker) web(u URL, keys ...string) {
	if u.IsZero() {
		ck.at("is missing", "", keys...)
		return
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		ck.at("want http:// or https://", "", keys...)
	}
	if strings.Trim(u.Path, "/") != "" {
		ck.at("has a path", "leave it out: "+u.Scheme+"://"+u.Host, keys...)
	}
}

var (
	extensionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	siteName      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	headerName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
)

func (ck *checker) extensions(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
		if !extensionName.MatchString(name) {
			ck.at("no name for an extension", "1 to 32 of a–z, 0–9 and _, a letter first", "extensions", name)
		}
		if reserved(name) {
			ck.at("this name is taken by Schleuse itself", "choose another", "extensions", name)
		}
		ck.required(c.Extensions[name].Kind, "say which extension it is", "extensions", name, "kind")
	}
	if c.Members != nil {
		ck.required(c.Members.Kind, "say which directory it is, such as csv", "members", "kind")
	}
}

// reserved names are steps of the gate's own, and the one under which the
// directory of members runs.
func reserved(name string) bool {
	return name == keycloakStep || name == "authenticators" || name == "members"
}

func (ck *checker) site(c *Config, name string) {
	s := c.Sites[name]
	at := func(keys ...string) []string { return append([]string{"sites", name}, keys...) }
	if !siteName.MatchString(name) {
		ck.at("no name for a site", "1 to 32 of a–z, 0–9 and -, a letter first", at()...)
	}
	ck.web(s.PublicURL, at("public_url")...)
	ck.secure(s.PublicURL, at("public_url")...)
	ck.web(s.Upstream, at("upstream")...)
	ck.secure(s.Issuer, at("issuer")...)
	if s.Issuer.IsZero() && c.Gate == nil {
		ck.at("is missing", "there is no gate, so say who signs people in", at("issuer")...)
	}
	ck.required(s.Client.ID, "the site's client id at its provider", at("client", "id")...)
	ck.required(s.Client.SecretFile, "name the file with the client's secret", at("client", "secret_file")...)
	if s.Session.Idle < time.Minute || s.Session.Idle > s.Session.Absolute {
		ck.at("want at least 1m and at most session.absolute", "30m", at("session", "idle")...)
	}
	for _, header := range slices.Sorted(maps.Keys(s.Headers)) {
		if !headerName.MatchString(header) || forbiddenHeader(header) {
			ck.at("this header cannot carry an identity", "choose a name of your own, such as X-Auth-Kvnr", at("headers", header)...)
		}
	}
}

// forbiddenHeader reports headers that mean something to HTTP itself.
func forbiddenHeader(name string) bool {
	return slices.Contains([]string{
		"accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type", "cookie",
		"expect", "forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
		"upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
	}, strings.ToLower(name))
}

// hosts wants every public face on a host name of its own: they are told apart by it.
func (ck *checker) hosts(c *Config) {
	seen := map[string]string{}
	face := func(u URL, keys ...string) {
		place := strings.Join(keys, ".")
		if first, double := seen[u.Hostname()]; double && !u.IsZero() {
			ck.at(fmt.Sprintf("has the same host as %s", first), "faces are told apart by host name: give it one of its own", keys...)
		}
		seen[u.Hostname()] = place
	}
	if c.Gate != nil {
		face(c.Gate.PublicURL, "gate", "public_url")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sites)) {
		face(c.Sites[name].PublicURL, "sites", name, "public_url")
	}
}
