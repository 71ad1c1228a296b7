package wire

// Route is the meaning of a method and a path. The zero Route is None: not
// ours, not known, 404.
type Route uint8

// The routes, named after Keycloak's endpoints.
const (
	None Route = iota

	Auth               // protocol/openid-connect/auth
	Token              // protocol/openid-connect/token
	PAR                // protocol/openid-connect/ext/par/request (RFC 9126)
	Userinfo           // protocol/openid-connect/userinfo
	Introspect         // protocol/openid-connect/token/introspect (RFC 7662)
	Revoke             // protocol/openid-connect/revoke (RFC 7009)
	Logout             // protocol/openid-connect/logout, by browser or by client
	LogoutConfirm      // protocol/openid-connect/logout/logout-confirm
	LogoutBackchannel  // protocol/openid-connect/logout/backchannel-logout, called by a foreign issuer
	Certs              // protocol/openid-connect/certs
	Discovery          // .well-known/openid-configuration, .well-known/oauth-authorization-server
	LoginStatusIframe  // protocol/openid-connect/login-status-iframe.html and its /init
	ThirdPartyCookies  // protocol/openid-connect/3p-cookies/step1.html, step2.html
	RealmInfo          // the realm itself: name and public key
	Resources          // /resources/…: style sheets, scripts, texts of the theme
	Preflight          // OPTIONS of an endpoint that scripts call (CORS)
	Authenticate       // login-actions/authenticate
	RequiredAction     // login-actions/required-action
	Consent            // login-actions/consent
	Restart            // login-actions/restart
	DetachedInfo       // login-actions/detached-info
	FirstBrokerLogin   // login-actions/first-broker-login
	PostBrokerLogin    // login-actions/post-broker-login
	ActionToken        // login-actions/action-token, by the kind of its key
	BrokerLogin        // broker/ALIAS/login
	BrokerEndpoint     // broker/ALIAS/endpoint, where a foreign issuer sends the browser back
	BrokerLogoutAnswer // broker/ALIAS/endpoint/logout_response
	AfterFirstBroker   // broker/after-first-broker-login
	AfterPostBroker    // broker/after-post-broker-login

	// Closed unless their Word is opened.
	Account            // account, account/…: the account console and its API
	DeviceRequest      // protocol/openid-connect/auth/device (RFC 8628); HTML or JSON after Accept
	DevicePage         // device, device/status
	CIBA               // protocol/openid-connect/ext/ciba/auth
	Registration       // login-actions/registration, protocol/openid-connect/registrations
	ResetCredentials   // login-actions/reset-credentials, protocol/openid-connect/forgot-credentials
	SAML               // protocol/saml, protocol/saml/…
	ClientRegistration // clients-registrations/…
	UMA                // authz/…: User-Managed Access
	BrokerLink         // broker/ALIAS/link
	BrokerToken        // broker/ALIAS/token
)

// String returns the route's name for logs and metrics.
func (r Route) String() string {
	if int(r) < len(routeNames) {
		return routeNames[r]
	}
	return routeNames[None]
}

//nolint:gochecknoglobals,gosec // a constant table; no credentials, only the word token
var routeNames = [...]string{
	None: "none", Auth: "auth", Token: "token", PAR: "par", Userinfo: "userinfo", Introspect: "introspect",
	Revoke: "revoke", Logout: "logout", LogoutConfirm: "logout_confirm", LogoutBackchannel: "logout_backchannel",
	Certs: "certs", Discovery: "discovery", LoginStatusIframe: "login_status_iframe",
	ThirdPartyCookies: "third_party_cookies", RealmInfo: "realm_info", Resources: "resources", Preflight: "preflight",
	Authenticate: "authenticate", RequiredAction: "required_action", Consent: "consent", Restart: "restart",
	DetachedInfo: "detached_info", FirstBrokerLogin: "first_broker_login", PostBrokerLogin: "post_broker_login",
	ActionToken: "action_token", BrokerLogin: "broker_login", BrokerEndpoint: "broker_endpoint",
	BrokerLogoutAnswer: "broker_logout_answer", AfterFirstBroker: "after_first_broker", AfterPostBroker: "after_post_broker",
	Account: "account", DeviceRequest: "device_request", DevicePage: "device_page", CIBA: "ciba",
	Registration: "registration", ResetCredentials: "reset_credentials", SAML: "saml",
	ClientRegistration: "client_registration", UMA: "uma", BrokerLink: "broker_link", BrokerToken: "broker_token",
}

// HasPages reports whether the route answers with Keycloak's own pages or
// with the end of a login: what is to be buffered for the belt.
func (r Route) HasPages() bool {
	switch r {
	case Auth, Authenticate, RequiredAction, Consent, Restart, DetachedInfo, FirstBrokerLogin, PostBrokerLogin,
		ActionToken, BrokerLogin, BrokerEndpoint, AfterFirstBroker, AfterPostBroker, DevicePage, DeviceRequest,
		Registration, ResetCredentials, SAML, BrokerLink:
		return true
	default:
		return false
	}
}

// IsRead reports whether the gate reads the body of the route's answers, so
// that it must not be compressed.
func (r Route) IsRead() bool { return r == Token || r == PAR || r == CIBA || r.HasPages() }

// IsLogout reports whether the route ends a login; the identity cookie always
// goes along there, or the session would survive.
func (r Route) IsLogout() bool { return r == Logout || r == LogoutConfirm }

// ForgetsQuery reports whether the endpoint takes its parameters from the
// body alone, so that the query must not go upstream.
func (r Route) ForgetsQuery() bool {
	switch r {
	case Token, PAR, Introspect, Revoke, CIBA, DeviceRequest, LogoutBackchannel:
		return true
	default:
		return false
	}
}

// Word is a part of Keycloak that the operator may open in `gate.open`.
type Word string

// The words. Exchange opens a grant, not a path.
const (
	OpenAccount            Word = "account"
	OpenDevice             Word = "device"
	OpenCIBA               Word = "ciba"
	OpenExchange           Word = "exchange"
	OpenRegistration       Word = "registration"
	OpenReset              Word = "reset"
	OpenActionTokens       Word = "action_tokens"
	OpenSAML               Word = "saml"
	OpenClientRegistration Word = "client_registration"
	OpenUMA                Word = "uma"
	OpenBrokerLink         Word = "broker_link"
	OpenBrokerToken        Word = "broker_token"
)

// Words lists all words.
func Words() []Word {
	return []Word{
		OpenAccount, OpenDevice, OpenCIBA, OpenExchange, OpenRegistration, OpenReset, OpenActionTokens,
		OpenSAML, OpenClientRegistration, OpenUMA, OpenBrokerLink, OpenBrokerToken,
	}
}
