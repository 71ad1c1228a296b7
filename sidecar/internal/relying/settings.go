package relying

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
)

// Settings is what a relying party is configured to.
type Settings struct {
	Name      string   // in stored sessions, which are good for no other name
	PublicURL *url.URL // scheme and host that browsers see; no path
	// Prefix is below what the party answers itself: a path that begins and ends
	// with "/". The client's redirect URI is Prefix+"callback", its back-channel
	// log-out Prefix+"backchannel-logout".
	Prefix string
	Home   string // path where whoever comes from nowhere begins
	// SessionCookie is the name of the session's cookie, and LoginCookie how
	// those of logins under way begin. With the prefix `__Host-` (RFC 6265bis)
	// browsers bind them to this very host: no sibling domain can plant one.
	SessionCookie, LoginCookie string

	Issuer   string // OpenID provider, as its tokens' `iss`
	ClientID string
	// ClientSecret is asked each time, so that a rotated secret needs no
	// restart. nil means a public client.
	ClientSecret func() (string, error)
	// QuietLogout says that the issuer ends its session at our word. Any other
	// wants to see the browser.
	QuietLogout bool

	Idle     time.Duration // a session ends when it is not used for this long; at least 1 min
	Absolute time.Duration // a session ends this long after its login
	// MaxAge is how long ago the person may have proven themselves at most when
	// a session begins (OpenID Connect Core 1.0 section 3.1.2.1, `max_age`); 0
	// asks for nothing.
	MaxAge time.Duration
}

// Validate reports everything that no relying party can work with.
func (s Settings) Validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	need(s.Name != "", "a client needs a name")
	need(origin(s.PublicURL) != "", "public URL must be scheme and host without a path")
	need(trustworthy(s.PublicURL), "public URL must be https (or on localhost): browsers drop the session's cookie otherwise")
	need(s.Issuer != "" && s.ClientID != "", "a client needs an issuer and a client id")
	need(s.Idle >= time.Minute, "idle must be at least 1 minute")
	need(s.Absolute >= s.Idle, "absolute must not be shorter than idle")
	need(strings.HasPrefix(s.Prefix, "/") && strings.HasSuffix(s.Prefix, "/"), "the prefix must begin and end with /")
	need(s.MaxAge >= 0 && s.MaxAge%time.Second == 0, "max age is in whole seconds")
	for _, name := range []string{s.SessionCookie, s.LoginCookie} {
		need(strings.HasPrefix(name, "__Host-"), "cookies must be bound to the host")
	}
	return errors.Join(errs...)
}

// trustworthy reports whether browsers keep a Secure cookie of this URL (W3C
// Secure Contexts section 3.1).
func trustworthy(u *url.URL) bool {
	if u == nil || u.Scheme == "https" {
		return true
	}
	host := u.Hostname()
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

// origin returns scheme and host (RFC 6454), or "" when u is not exactly that.
func origin(u *url.URL) string {
	if u == nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// self returns the absolute URL of a path of this host. It begins with our own
// origin whatever the path is: no redirect leaves it.
func (rp *Party) self(path string) string { return origin(rp.Settings.PublicURL) + path }

// own returns the absolute URL of one of the party's own pages.
func (rp *Party) own(name string) string { return rp.self(rp.Settings.Prefix + name) }
