package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// URL is an absolute URL without user name, query or fragment. The zero URL
// means that none is given.
type URL struct{ url.URL }

// UnmarshalText reads a URL.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	switch {
	case err != nil: // url.Error repeats the text, which may hold a password
		return errors.New("no valid URL")
	case parsed.Scheme == "" || parsed.Opaque != "" || parsed.Host == "":
		return errors.New("want an absolute URL, such as https://host")
	case parsed.User != nil:
		return errors.New("a URL has no user name or password here")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return errors.New("a URL has no query or fragment here")
	case parsed.Hostname() == "":
		return errors.New("the URL has no host")
	}
	parsed.Scheme = strings.ToLower(parsed.Scheme)
	parsed.Host = strings.ToLower(parsed.Host)
	u.URL = *parsed
	return nil
}

// String returns the URL's text.
func (u URL) String() string { return u.URL.String() }

// IsZero reports whether no URL is given.
func (u URL) IsZero() bool { return u.Scheme == "" && u.Host == "" }

// Pointer returns a copy that may be changed; nil where none is given.
func (u URL) Pointer() *url.URL {
	if u.IsZero() {
		return nil
	}
	out := u.URL
	return &out
}

// local reports whether the host can only be this machine.
func (u URL) local() bool { return localHost(u.Hostname()) }

func localHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// Date is a day. It begins at midnight UTC.
type Date struct{ time.Time }

// UnmarshalText reads a day such as 2026-12-01 (ISO 8601).
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return errors.New("want a day such as 2026-12-01")
	}
	d.Time = t
	return nil
}

// Mode says whether the gate acts. The zero Mode enforces.
type Mode uint8

// The modes.
const (
	Enforce Mode = iota
	Observe
)

// UnmarshalText reads a mode.
func (m *Mode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "enforce":
		*m = Enforce
	case "observe":
		*m = Observe
	default:
		return errors.New("want enforce or observe")
	}
	return nil
}

// String returns the mode's name.
func (m Mode) String() string {
	if m == Observe {
		return "observe"
	}
	return "enforce"
}

// Risk says how much is at stake. The zero Risk is high.
type Risk uint8

// The risks.
const (
	HighRisk Risk = iota
	LowRisk
)

// UnmarshalText reads a risk.
func (r *Risk) UnmarshalText(text []byte) error {
	switch string(text) {
	case "high":
		*r = HighRisk
	case "low":
		*r = LowRisk
	default:
		return errors.New("want high or low")
	}
	return nil
}

// String returns the risk's name.
func (r Risk) String() string {
	if r == LowRisk {
		return "low"
	}
	return "high"
}

// Entry is one place in a flow: a step, or several of which one suffices.
type Entry struct {
	Any []string // at least one; the order is that of preference
	// Choice says that it was written as {any: […]}.
	Choice bool
}

// UnmarshalNode reads a step's name or {any: [names]}.
func (e *Entry) UnmarshalNode(n strictyaml.Node) error {
	var name string
	if n.Scalar() {
		err := n.Decode(&name)
		e.Any = []string{name}
		return err
	}
	var choice struct {
		Any []string `yaml:"any"`
	}
	if err := n.Decode(&choice); err != nil {
		return err
	}
	e.Any, e.Choice = choice.Any, true
	if len(e.Any) == 0 {
		return fmt.Errorf("want a step's name or {any: [names]}")
	}
	return nil
}
