package realm

import "time"

// Desired is what the gate needs of the realm.
type Desired struct {
	Role        string   // of the identified
	ExemptRoles []string // must exist; they are not made
	Gate        Client   // the gate's own service account
	Sites       []Site   // our own clients: of the proxy, and of the pages for people's phones
	Numbered    []string // other clients whose people are insured (gate.start); they must exist
	PublicURL   string   // the gate's, without a slash at the end

	Apps             []string // clients that register phones; they must exist
	AppsAudience     string   // what their tokens name
	Backends         []string // clients that ask for approvals; they must exist
	BackendsAudience string   // what their tokens name
}

// Client is a confidential client.
type Client struct {
	ID     string
	Secret string
}

// Site is something of ours where people sign in: a web application behind the
// proxy, or pages of our own.
type Site struct {
	Client
	PublicURL string // scheme and host, without a slash at the end
	Prefix    string // below which its callback and log-out are; "" = the proxy's
	Home      string // path where it begins; "" = "/"
}

// own is the address of one of a site's own paths.
func (s Site) own(name string) string {
	prefix := s.Prefix
	if prefix == "" {
		prefix = sitePrefix
	}
	return s.PublicURL + prefix + name
}

// home is where the site begins.
func (s Site) home() string {
	if s.Home == "" {
		return s.PublicURL + "/"
	}
	return s.PublicURL + s.Home
}

// Scope is the client scope that carries the audience of the insurer's APIs.
// It is bound to the role of the identified: the token of a person who is not
// cleared lacks the audience, so that an API refuses it even if the gate was
// passed by.
const Scope = "schleuse-apis"

// Audience is the `aud` of that scope.
func (a *Admin) audience() string { return a.Realm + "-apis" }

// Lifetimes. A code waits while the person passes the steps; the gate itself
// refuses one that left more than 60 s ago.
const (
	codeLife = 45 * time.Minute
	// authenticationLife is how long the gate remembers that an account has
	// become somebody's (gate/changed.go).
	authenticationLife = 2 * time.Hour
	ssoIdle            = 60 * time.Minute
	pushedLife         = 30 * time.Minute
)

// Paths of a site that it keeps for its own login and log-out.
const (
	sitePrefix = "/schleuse/"
	callback   = "callback"
	logout     = "backchannel-logout"
	loggedOut  = "logged-out"
)

// denyFlow is the flow that refuses every password grant.
const denyFlow = "schleuse direct grant denied"
