package proxy

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// Settings is what a site is configured to.
type Settings struct {
	Name      string   // the site's name in the configuration; stands in logs and metrics
	PublicURL *url.URL // scheme and host that browsers see; no path
	Upstream  *url.URL // the application; no path
	// UpstreamHost is the Host that the application sees; empty means the
	// public one, so that the links it makes are right.
	UpstreamHost string
	// UpstreamWait is how long the application may take until the head of its
	// answer; 0 means 60 s. Its body may take as long as it likes.
	UpstreamWait time.Duration

	Issuer   string // OpenID provider, as its tokens' `iss`
	ClientID string
	// ClientSecret is asked each time, so that a rotated secret needs no
	// restart. nil means a public client.
	ClientSecret func() (string, error)

	Idle     time.Duration // a session ends when it is not used for this long; at least 1 min
	Absolute time.Duration // a session ends this long after its login

	Headers        Headers        // what tells the application who it is
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
}

// Validate reports everything that no site can work with.
func (s Settings) Validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	need(s.Name != "" && strings.Trim(s.Name, nameChars) == "", "a site needs a name of letters, digits, - and _")
	need(origin(s.Upstream) != "", "upstream must be scheme and host without a path")
	return errors.Join(append(errs, s.party().Validate())...)
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// party is the site as a client of its issuer.
func (s Settings) party() relying.Settings {
	return relying.Settings{
		Name: s.Name, PublicURL: s.PublicURL, Prefix: reserved + "/", Home: "/",
		SessionCookie: sessionCookie, LoginCookie: loginCookie,
		Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: s.ClientSecret, Idle: s.Idle, Absolute: s.Absolute,
	}
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
