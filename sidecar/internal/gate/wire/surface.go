package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Surface is the allow-list of methods and paths of one realm.
type Surface struct {
	prefix  string // relative path, "" or "/auth"
	realm   string // prefix + "/realms/NAME"
	name    string
	open    []Word
	entries map[string]entry // below the realm, without the leading slash
}

// entry is one path of the allow-list.
type entry struct {
	route   Route
	methods methods
	word    Word // "" = always open
}

type methods uint8

const (
	get methods = 1 << iota // HEAD counts as GET
	post
	options // a preflight; it never runs the endpoint
	any_    // whatever the method
)

// Match is what a request means.
type Match struct {
	Route  Route
	Closed Word // not "": the word that would open it; the answer is 404 as for None
}

// Open reports whether the request may go to Keycloak.
func (m Match) Open() bool { return m.Route != None && m.Closed == "" }

// NewSurface returns the surface of a realm. prefix is Keycloak's relative
// path, "" or such as "/auth". A realm whose name needs percent-encoding and
// an unknown word are errors.
func NewSurface(prefix, realm string, open []Word) (*Surface, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" && !canonicalPath(prefix) {
		return nil, fmt.Errorf("relative path %q: want letters, digits, . _ - and single slashes", prefix)
	}
	if realm == "" || strings.Contains(realm, "/") || !canonicalPath("/"+realm) {
		return nil, fmt.Errorf("realm %q: want letters, digits, . _ -", realm)
	}
	for _, w := range open {
		if !slices.Contains(Words(), w) {
			return nil, fmt.Errorf("open: %q is not known", w)
		}
	}
	return &Surface{
		prefix: prefix, realm: prefix + "/realms/" + realm, name: realm,
		open: slices.Clone(open), entries: realmEntries(),
	}, nil
}

// IsOpen reports whether the operator opened the word.
func (s *Surface) IsOpen(w Word) bool { return w == "" || slices.Contains(s.open, w) }

// RealmPath returns the path of the realm, such as "/realms/kasse".
func (s *Surface) RealmPath() string { return s.realm }

// Match says what a request means. Paths compare byte by byte; one trailing
// slash is allowed, as Keycloak does.
func (s *Surface) Match(method string, t Target) Match {
	found := s.find(t.Path)
	if found.route == None {
		return Match{}
	}
	m := Match{Route: found.route}
	switch {
	case found.methods.allow(method):
	case method == http.MethodOptions && found.methods&options != 0:
		m.Route = Preflight
	default:
		return Match{}
	}
	word := found.word
	if m.Route == ActionToken {
		word = actionTokenWord(t.Query)
	}
	if !s.IsOpen(word) {
		m.Closed = word
	}
	return m
}

func (m methods) allow(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead:
		return m&(get|any_) != 0
	case http.MethodPost:
		return m&(post|any_) != 0
	default:
		return m&any_ != 0
	}
}

func (s *Surface) find(path string) entry {
	if rest, ok := strings.CutPrefix(path, s.prefix+"/resources/"); ok {
		if strings.Count(strings.TrimSuffix(rest, "/"), "/") < 2 {
			return entry{}
		}
		return entry{route: Resources, methods: get | options}
	}
	rest, ok := strings.CutPrefix(path, s.realm)
	if !ok {
		return s.rootDiscovery(path)
	}
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return entry{route: RealmInfo, methods: get | options}
	}
	if rest[0] != '/' {
		return entry{}
	}
	if e, ok := s.entries[rest[1:]]; ok {
		return e
	}
	return below(rest[1:])
}

// rootDiscovery knows the metadata address of RFC 8414 section 3.1, where
// .well-known stands before the issuer's path.
func (s *Surface) rootDiscovery(path string) entry {
	rest, ok := strings.CutPrefix(path, s.prefix+"/.well-known/")
	if !ok {
		return entry{}
	}
	provider, realm, ok := strings.Cut(rest, "/realms/")
	if !ok || strings.TrimSuffix(realm, "/") != s.name {
		return entry{}
	}
	if provider != "openid-configuration" && provider != "oauth-authorization-server" {
		return entry{}
	}
	return entry{route: Discovery, methods: get | options}
}

// below knows the paths with a variable part.
func below(path string) entry {
	head, rest, nested := strings.Cut(path, "/")
	switch head {
	case "broker":
		return brokerEntry(rest)
	case "account":
		return entry{route: Account, methods: any_, word: OpenAccount}
	case "clients-registrations":
		return entry{route: ClientRegistration, methods: any_, word: OpenClientRegistration}
	case "authz":
		return entry{route: UMA, methods: any_, word: OpenUMA}
	}
	if nested && strings.HasPrefix(path, "protocol/saml/") {
		return entry{route: SAML, methods: any_, word: OpenSAML}
	}
	return entry{}
}

// brokerEntry knows broker/ALIAS/….
func brokerEntry(path string) entry {
	alias, rest, ok := strings.Cut(path, "/")
	if !ok || alias == "" {
		return entry{}
	}
	switch rest {
	case "login":
		return entry{route: BrokerLogin, methods: get | post}
	case "endpoint":
		return entry{route: BrokerEndpoint, methods: get | post}
	case "endpoint/logout_response":
		return entry{route: BrokerLogoutAnswer, methods: get}
	case "link":
		return entry{route: BrokerLink, methods: any_, word: OpenBrokerLink}
	case "token":
		return entry{route: BrokerToken, methods: any_, word: OpenBrokerToken}
	default:
		return entry{}
	}
}

// actionTokenWord reads which action a mailed link carries. Only the proof
// that a mail address is the person's own goes on unopened: the other kinds
// set a password, enrol an authenticator or link the account of a foreign issuer
// before any login is held.
func actionTokenWord(query string) Word {
	values, err := url.ParseQuery(query)
	if err != nil || len(values["key"]) != 1 {
		return OpenActionTokens
	}
	claims, err := readClaims(values.Get("key"))
	if err != nil {
		return OpenActionTokens
	}
	switch claims.text("typ") {
	case "verify-email":
		return ""
	case "reset-credentials":
		return OpenReset
	default:
		return OpenActionTokens
	}
}

// realmEntries lists the paths below the realm. The account console's and
// the device page's own bare paths stand here, their subtrees in below.
func realmEntries() map[string]entry {
	const oidc = "protocol/openid-connect/"
	return map[string]entry{
		".well-known/openid-configuration":       {route: Discovery, methods: get | options},
		".well-known/oauth-authorization-server": {route: Discovery, methods: get | options},

		oidc + "auth":                          {route: Auth, methods: get | post},
		oidc + "token":                         {route: Token, methods: post | options},
		oidc + "token/introspect":              {route: Introspect, methods: post | options},
		oidc + "userinfo":                      {route: Userinfo, methods: get | post | options},
		oidc + "revoke":                        {route: Revoke, methods: post | options},
		oidc + "logout":                        {route: Logout, methods: get | post | options},
		oidc + "logout/logout-confirm":         {route: LogoutConfirm, methods: get | post},
		oidc + "logout/backchannel-logout":     {route: LogoutBackchannel, methods: post},
		oidc + "certs":                         {route: Certs, methods: get | options},
		oidc + "login-status-iframe.html":      {route: LoginStatusIframe, methods: get},
		oidc + "login-status-iframe.html/init": {route: LoginStatusIframe, methods: get},
		oidc + "3p-cookies/step1.html":         {route: ThirdPartyCookies, methods: get},
		oidc + "3p-cookies/step2.html":         {route: ThirdPartyCookies, methods: get},
		oidc + "ext/par/request":               {route: PAR, methods: post | options},

		"login-actions/authenticate":       {route: Authenticate, methods: get | post},
		"login-actions/required-action":    {route: RequiredAction, methods: get | post},
		"login-actions/consent":            {route: Consent, methods: post},
		"login-actions/restart":            {route: Restart, methods: get},
		"login-actions/detached-info":      {route: DetachedInfo, methods: get},
		"login-actions/first-broker-login": {route: FirstBrokerLogin, methods: get | post},
		"login-actions/post-broker-login":  {route: PostBrokerLogin, methods: get | post},
		"login-actions/action-token":       {route: ActionToken, methods: get},
		"broker/after-first-broker-login":  {route: AfterFirstBroker, methods: get},
		"broker/after-post-broker-login":   {route: AfterPostBroker, methods: get},

		"login-actions/registration":      {route: Registration, methods: get | post, word: OpenRegistration},
		oidc + "registrations":            {route: Registration, methods: get | post, word: OpenRegistration},
		"login-actions/reset-credentials": {route: ResetCredentials, methods: get | post, word: OpenReset},
		oidc + "forgot-credentials":       {route: ResetCredentials, methods: get | post, word: OpenReset},
		oidc + "auth/device":              {route: DeviceRequest, methods: post | options, word: OpenDevice},
		"device":                          {route: DevicePage, methods: get | post, word: OpenDevice},
		"device/status":                   {route: DevicePage, methods: get, word: OpenDevice},
		oidc + "ext/ciba/auth":            {route: CIBA, methods: post, word: OpenCIBA},
		"protocol/saml":                   {route: SAML, methods: any_, word: OpenSAML},
	}
}
