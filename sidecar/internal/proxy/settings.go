package proxy

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
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
	need(origin(s.PublicURL) != "", "public URL must be scheme and host without a path")
	need(trustworthy(s.PublicURL), "public URL must be https (or on localhost): browsers drop the session's cookie otherwise")
	need(origin(s.Upstream) != "", "upstream must be scheme and host without a path")
	need(s.Issuer != "" && s.ClientID != "", "a site needs an issuer and a client id")
	need(s.Idle >= time.Minute, "idle must be at least 1 minute")
	need(s.Absolute >= s.Idle, "absolute must not be shorter than idle")
	return errors.Join(errs...)
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

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
