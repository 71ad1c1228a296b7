package wire

import (
	"fmt"
	"net/url"
	"strings"
)

// Origin is the gate's public origin, scheme and host in lower case.
type Origin string

// ParseOrigin reads the origin of an absolute http or https URL.
func ParseOrigin(address string) (Origin, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("public address: want http(s)://host")
	}
	return Origin(u.Scheme + "://" + strings.ToLower(u.Host)), nil
}

// Owns reports whether an address as it stands in a Location or an action
// leads nowhere but to this origin, however a browser reads it: a path from
// the root, a query or fragment alone, nothing, or this origin spelled
// exactly. Everything else counts as foreign.
func (o Origin) Owns(address string) bool {
	if !plainAddress(address) {
		return false
	}
	if rest, ok := strings.CutPrefix(address, string(o)); ok && o != "" {
		return rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#'
	}
	if address == "" || address[0] == '?' || address[0] == '#' {
		return true
	}
	return address[0] == '/' && !strings.HasPrefix(address, "//")
}

// plainAddress reports whether browsers read the address as it stands: they
// drop blanks and control characters, and take a backslash for a slash.
func plainAddress(address string) bool {
	for i := 0; i < len(address); i++ {
		if c := address[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}
