package config

import (
	"net/netip"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// Config is the whole file. There must be a gate, a site, or both. Fields with
// the tag `must` have no default.
type Config struct {
	// Where browsers, apps and backends come in.
	Listen Listen `yaml:"listen"`
	// Address of the internal port with metrics and health, as host:port. It
	// must not be reachable from outside.
	Internal string `yaml:"internal"`
	// Networks (CIDR) of the proxies in front, whose forwarding headers are
	// believed. Must be set when others than this machine come in without TLS:
	// somebody ends TLS in front then, and limits per address would all hit them.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// Where state is kept: sqlite:/absolute/path for one process, or
	// postgres://user@host/database?sslmode=verify-full for any number of
	// replicas. A password stands in a file that passfile= names.
	Store string `yaml:"store" must:"true"`
	// The key ring, made by `schleuse keys init`.
	KeysFile string `yaml:"keys_file" must:"true"`
	// How pages look and whom they name.
	Brand Brand `yaml:"brand" must:"true"`
	// The gate in front of Keycloak.
	Gate *Gate `yaml:"gate"`
	// The insurer's master data: a kind of directory and its settings.
	Members *Extension `yaml:"members"`
	// The steps by the name that flows use. A name is 1 to 32 of a–z, 0–9 and _
	// and stands in URLs below /schleuse/x/.
	Extensions map[string]Extension `yaml:"extensions"`
	// The channels by which people are told what happened to their account.
	// Every notice goes over each of them.
	Notifiers []Notifier `yaml:"notifiers"`
	// The web applications behind the proxy, by a name of your own.
	Sites map[string]Site `yaml:"sites"`
	// The record of logins, steps and changes.
	Audit Audit `yaml:"audit"`

	root strictyaml.Node
}

// Audit is the record of logins, steps and changes.
type Audit struct {
	// How long an entry is kept. What is older is removed, oldest first; the
	// chain of the rest stays verifiable.
	Retention time.Duration `yaml:"retention"`
}

// Listen is an address with TLS or without.
type Listen struct {
	// host:port; without a host on all addresses.
	Address string `yaml:"address"`
	// TLS for this address. Without it a proxy in front must end TLS.
	TLS *ServerTLS `yaml:"tls"`
	// How many connections may be open at the same time; whoever comes then
	// waits. Fairness among addresses is for the proxy in front.
	Connections int `yaml:"connections"`
}

// ServerTLS is a server's certificate.
type ServerTLS struct {
	// Certificate chain, PEM.
	CertFile string `yaml:"cert_file" must:"true"`
	// Its private key, PEM.
	KeyFile string `yaml:"key_file" must:"true"`
}

// ClientTLS is what a client believes and shows.
type ClientTLS struct {
	// Certificates of the authorities that are believed, PEM; without it the system's.
	CAFile string `yaml:"ca_file"`
	// Certificate that is shown, PEM.
	CertFile string `yaml:"cert_file"`
	// Its private key, PEM.
	KeyFile string `yaml:"key_file"`
}

// Brand is the operator's name and look.
type Brand struct {
	// The insurer's name.
	Name string `yaml:"name" must:"true"`
	// Languages of the pages, the preferred one first: de, en.
	Languages []string `yaml:"languages"`
	// Telephone number for whoever gets no further, as it is to be read.
	HelpPhone string `yaml:"help_phone"`
	// When somebody answers there, as it is to be read.
	HelpHours string `yaml:"help_hours"`
	// The insurer's own site, the way on from an error page.
	Home URL `yaml:"home"`
	// Page with the legal notice.
	Imprint URL `yaml:"imprint"`
	// Page on data protection.
	Privacy URL `yaml:"privacy"`
	// Page on accessibility (BFSG, BITV).
	Accessibility URL `yaml:"accessibility"`
	// Logo, SVG or PNG.
	LogoFile string `yaml:"logo_file"`
	// Style sheet that sets --kern-* properties.
	CSSFile string `yaml:"css_file"`
}

// Gate is the gate in front of one Keycloak realm.
type Gate struct {
	// What browsers, the app and the tokens' issuer see, without /realms/…; a
	// path only where Keycloak has the same relative path (such as /auth).
	PublicURL URL `yaml:"public_url" must:"true"`
	// Keycloak behind the gate.
	Keycloak Keycloak `yaml:"keycloak" must:"true"`
	// The realm role that says: this person has been identified.
	IdentifiedRole string `yaml:"identified_role"`
	// Day of introduction (2026-12-01). Authenticators that are older are kept
	// at a person's first identification, younger ones are removed, unless the
	// person decides otherwise.
	Since Date `yaml:"since" must:"true"`
	// enforce, or observe: only report what would be refused. For the
	// introduction; never leave it there.
	Mode Mode `yaml:"mode"`
	// Realm roles of people whom the gate leaves alone (staff, partners). Only
	// roles mapped directly to the account count.
	ExemptRoles []string `yaml:"exempt_roles"`
	// Clients that get no number page. Whoever signs in there and is neither
	// exempt nor identified is held all the same.
	PlainClients []string `yaml:"plain_clients"`
	// Offer "sign in as staff" as a quiet link on the number page, for exempt
	// people who come to a client with a number page.
	StaffEntry bool `yaml:"staff_entry"`
	// How many people behind one address (IPv6: /64) may be between password
	// and identification at the same time. One account has four places at most.
	// More where many share an address, such as a mobile network's.
	AttemptsPerAddress int `yaml:"attempts_per_address"`
	// Where a client begins anew, by client id: people go there when the
	// original request is too old. A site's client has its public_url by default.
	Start map[string]URL `yaml:"start"`
	// What is opened beyond the browser's code flow: account, device, ciba, exchange.
	Open []string `yaml:"open"`
	// Which of the opened grants (device, ciba, exchange) a client may use, by client id.
	Grants map[string][]string `yaml:"grants"`
	// The steps of each flow.
	Flows Flows `yaml:"flows" must:"true"`
}

// Keycloak is the server behind the gate and the account that is used there.
type Keycloak struct {
	// Keycloak's own address, without a path: the gate's path is used.
	URL URL `yaml:"url" must:"true"`
	// The realm's name.
	Realm string `yaml:"realm" must:"true"`
	// Client with a service account that has the role manage-users of
	// realm-management and no other.
	Client string `yaml:"client" must:"true"`
	// Its secret.
	SecretFile string `yaml:"secret_file" must:"true"`
	// For an address with https.
	TLS ClientTLS `yaml:"tls"`
}

// Flows are the ways of people, as lists of steps.
type Flows struct {
	// Signing in. `keycloak` stands once and marks Keycloak's own login; what
	// comes after it identifies the person, once. {any: [a, b]} lets the person
	// choose; the first that is available opens at once.
	Login []Entry `yaml:"login" must:"true"`
	// First registration of somebody without an account: steps in front that
	// ask for the number, then what identifies the person, then what makes the
	// account, such as [kvnr, {any: [nect, letter]}, password]. Without it there is none.
	Registration []Entry `yaml:"registration"`
	// A new password for somebody who is identified anew, in the same form.
	Recovery []Entry `yaml:"recovery"`
}

// Extension is one extension in use.
type Extension struct {
	// Which extension it is.
	Kind string `yaml:"kind" must:"true"`
	// Its own settings, see the extension's README.
	Config strictyaml.Node `yaml:"config"`

	at strictyaml.Node
}

// Notifier is one channel to people.
type Notifier struct {
	// Which channel it is, such as mail.
	Kind string `yaml:"kind" must:"true"`
	// Its name, where a kind is used twice; without it that of its kind.
	Name string `yaml:"name"`
	// Its own settings, see the README of its kind.
	Config strictyaml.Node `yaml:"config"`

	at strictyaml.Node
}

// Site is a web application behind the proxy.
type Site struct {
	// Where browsers find the site; no path.
	PublicURL URL `yaml:"public_url" must:"true"`
	// The application itself; no path.
	Upstream URL `yaml:"upstream" must:"true"`
	// OpenID provider of the site; without it the gate.
	Issuer URL `yaml:"issuer"`
	// The site as a client of its provider.
	Client Client `yaml:"client" must:"true"`
	// How long a session lasts.
	Session Session `yaml:"session"`
	// Headers that tell the application who it is, by header name. The values
	// are templates: {{.KVNR}}, {{.Username}}, {{.Subject}}, {{.SID}},
	// {{.AccessToken}}, {{.Claim "email"}}.
	Headers map[string]string `yaml:"headers"`
}

// Client is an OpenID Connect client.
type Client struct {
	// Client id.
	ID string `yaml:"id" must:"true"`
	// Its secret.
	SecretFile string `yaml:"secret_file" must:"true"`
}

// Session bounds a session at a site. It never outlives its tokens.
type Session struct {
	// It ends when it is not used for this long.
	Idle time.Duration `yaml:"idle"`
	// It ends this long after its beginning.
	Absolute time.Duration `yaml:"absolute"`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Listen:   Listen{Address: ":8080", Connections: 10_000},
		Internal: "127.0.0.1:9090",
		Brand:    Brand{Languages: []string{"de", "en"}},
		Audit:    Audit{Retention: 730 * 24 * time.Hour},
	}
}

// SetDefaults sets what holds where the section says nothing.
func (g *Gate) SetDefaults() {
	*g = Gate{IdentifiedRole: "identified", Mode: Enforce, AttemptsPerAddress: 200}
}

// SetDefaults sets what holds where the section says nothing.
func (s *Site) SetDefaults() {
	*s = Site{Session: Session{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}}
}
