package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Defaults of Settings.
const (
	DefaultCodeLifetime  = 45 * time.Minute
	DefaultLoginLifetime = 400 * 24 * time.Hour
)

// Settings is what the operator decided about the gate.
type Settings struct {
	PublicURL *url.URL          // what browsers and `iss` see, without /realms; its path is Keycloak's relative path
	Realm     string            // the one realm behind the gate
	Upstream  *url.URL          // Keycloak: scheme and host only
	Transport http.RoundTripper // to Keycloak; nil = http.DefaultTransport

	PlainClients []string            // client ids that get no number page
	Enrolling    []string            // client ids of apps that register phones
	Stepup       StepupFor           // who wants a second factor at the login; only with a plan for it
	Start        map[string]string   // client id → where it begins anew
	Since        time.Time           // the day of introduction
	Observe      bool                // only report; never leave it on
	StaffEntry   bool                // offer "Anmeldung für Mitarbeitende" on the number page
	Open         []string            // account, device, ciba, exchange …; all closed by default
	Grants       map[string][]string // client id → grants beyond code and refresh, of what is open

	TrustedProxies []netip.Prefix // whose forwarding headers count
	CodeLifetime   time.Duration  // the realm's accessCodeLifespan; 0 = DefaultCodeLifetime
	LoginLifetime  time.Duration  // the longest that a session may live, offline included; 0 = DefaultLoginLifetime
}

// StepupFor says which clients get the login of a session only once it has
// passed the step-up. The zero StepupFor is none.
type StepupFor struct {
	Always  bool     // every client that is not in Except
	Except  []string // client ids that Always does not mean
	Clients []string // client ids
}

// Validate reports all that is missing or impossible.
func (s *Settings) Validate() error {
	var errs []error
	if s.PublicURL == nil || s.PublicURL.Host == "" || s.PublicURL.RawQuery != "" {
		errs = append(errs, errors.New("gate: the public URL needs a scheme and a host, and no query"))
	}
	if s.Upstream == nil || s.Upstream.Host == "" {
		errs = append(errs, errors.New("gate: Keycloak's URL needs a scheme and a host"))
	}
	if s.Realm == "" || s.Realm == "master" {
		errs = append(errs, errors.New("gate: the realm is missing, or is the realm of Keycloak's administrators"))
	}
	if s.Since.IsZero() {
		errs = append(errs, errors.New("gate: the day of introduction is missing"))
	}
	return errors.Join(errs...)
}

func (s *Settings) plain(client string) bool { return slices.Contains(s.PlainClients, client) }

// prefix is Keycloak's relative path, "" or "/auth".
func (s *Settings) prefix() string { return strings.TrimSuffix(s.PublicURL.Path, "/") }

// realmPath is the path below which all of the realm lies, and the path of
// Keycloak's cookies.
func (s *Settings) realmPath() string { return s.prefix() + "/realms/" + s.Realm + "/" }

func (s *Settings) codeLifetime() time.Duration {
	return orDefault(s.CodeLifetime, DefaultCodeLifetime)
}

func (s *Settings) loginLifetime() time.Duration {
	return orDefault(s.LoginLifetime, DefaultLoginLifetime)
}

func orDefault(d, byDefault time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return byDefault
}
