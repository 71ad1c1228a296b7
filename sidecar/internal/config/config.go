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
	// Approvals: who may ask people to confirm what on their phone.
	Approvals *Approvals `yaml:"approvals"`
	// The phones on which people confirm.
	Devices *Devices `yaml:"devices"`
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
	// Who wants a second factor at the login; with gate.flows.stepup.
	Stepup *Stepup `yaml:"stepup"`
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
	// What somebody who has signed in proves again before their phone is
	// registered, unlocked or replaced, such as [{any: [phone, nect, letter]}].
	// The app asks for it. Without it no phone can be registered.
	Enrolment []Entry `yaml:"enrolment"`
	// The second factor: what a session proves once before the clients in
	// gate.stepup get its login, such as [{any: [stepup, letter]}].
	Stepup []Entry `yaml:"stepup"`
}

// Stepup says which clients want a second factor at the login. Exempt people
// are never asked for it.
type Stepup struct {
	// Every client, the pages for people's own phones (devices.page) excepted:
	// there whoever has lost the phone blocks it, and those pages then do not
	// show what was confirmed. Then name none.
	Always bool `yaml:"always"`
	// The client ids. The others get the login after number and password.
	Clients []string `yaml:"clients"`
}

// Approvals is who may ask people to confirm what.
type Approvals struct {
	// What access tokens of backends must name in `aud`.
	Audience string `yaml:"audience"`
	// What can be asked for, by a name that backends use: 1 to 32 of a–z, 0–9, _ and -.
	Actions map[string]Action `yaml:"actions" must:"true"`
	// The backends, by client id.
	Clients map[string]Backend `yaml:"clients" must:"true"`
	// How often one person may be asked within an hour, by all backends together.
	PerHour int `yaml:"per_hour"`
}

// Action is something sensitive that a person confirms.
type Action struct {
	// What it is called on the phone, by language: de, en.
	Title map[string]string `yaml:"title" must:"true"`
	// What the phone shows, in this order. A request has each of them and no other.
	Fields []ActionField `yaml:"fields" must:"true"`
	// How long a request waits for the person, at most 1h.
	Lifetime time.Duration `yaml:"lifetime"`
	// high, or low: a phone that was registered a short while ago may confirm
	// it all the same.
	Risk Risk `yaml:"risk"`
	// How many digits the person reads in the browser and types on the phone, 2 to 6.
	MatchCode int `yaml:"match_code"`
}

// ActionField is one line of what a phone shows.
type ActionField struct {
	// The name that backends use.
	Name string `yaml:"name" must:"true"`
	// What it is called on the phone, by language: de, en.
	Label map[string]string `yaml:"label" must:"true"`
}

// Backend is a client that asks for approvals.
type Backend struct {
	// The actions that it may ask for.
	Actions []string `yaml:"actions" must:"true"`
	// Where it is told that something was decided.
	Webhook *Webhook `yaml:"webhook"`
}

// Webhook is an address that is told about approvals (Standard Webhooks).
type Webhook struct {
	// Where messages are posted to.
	URL URL `yaml:"url" must:"true"`
	// File with the shared secret: whsec_ and base64 of 24 to 64 bytes.
	SecretFile string `yaml:"secret_file" must:"true"`
	// Whether the address may be one of a private network or of this machine.
	AllowPrivate bool `yaml:"allow_private"`
}

// Devices is the phones.
type Devices struct {
	// The apps that may register phones, by client id.
	Clients []string `yaml:"clients" must:"true"`
	// Apps that run in browsers: the origins whose pages may call the Device
	// API, such as https://app.kasse.example. http only for localhost.
	Origins []string `yaml:"origins"`
	// What the app's access tokens must name in `aud`.
	Audience string `yaml:"audience"`
	// How many phones one person may have.
	Limit int `yaml:"limit"`
	// How long a phone that was just registered or unlocked confirms nothing
	// but what has a low risk. 0s = it may at once.
	CoolDown time.Duration `yaml:"cool_down"`
	// How many wrong device passwords lock a phone.
	Tries int `yaml:"tries"`
	// What a device password has to be.
	Password DevicePassword `yaml:"password"`
	// The PIN that opens the app.
	PIN PIN `yaml:"pin"`
	// Whether the digits of the card are enough for the first phone of a
	// person. They never are for another one, nor to unlock or replace one.
	FirstByCard bool `yaml:"first_by_card"`
	// The pages on which people see and block their own phones, on the gate's
	// host at /schleuse/my/devices. Without it there are none.
	Page *DevicePage `yaml:"page"`
}

// DevicePage is the pages on which people see and block their own phones.
type DevicePage struct {
	// The realm's client by which people sign in there.
	Client Client `yaml:"client" must:"true"`
}

// DevicePassword is what a device password has to be.
type DevicePassword struct {
	// How many characters it has at least.
	Min int `yaml:"min"`
}

// PIN is what opens the app after a while.
type PIN struct {
	// How many digits it has.
	Digits int `yaml:"digits"`
	// How many wrong PINs lock the app until the device password is typed.
	Tries int `yaml:"tries"`
	// After how long without use the app asks for it.
	Idle time.Duration `yaml:"idle"`
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
func (a *Approvals) SetDefaults() { *a = Approvals{Audience: "schleuse", PerHour: 10} }

// SetDefaults sets what holds where the section says nothing.
func (a *Action) SetDefaults() { *a = Action{Lifetime: 5 * time.Minute, MatchCode: 3} }

// SetDefaults sets what holds where the section says nothing.
func (d *Devices) SetDefaults() {
	*d = Devices{
		Audience: "schleuse", Limit: 5, CoolDown: 24 * time.Hour, Tries: 5,
		Password: DevicePassword{Min: 8}, PIN: PIN{Digits: 6, Tries: 5, Idle: 5 * time.Minute},
	}
}

// SetDefaults sets what holds where the section says nothing.
func (s *Site) SetDefaults() {
	*s = Site{Session: Session{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}}
}
