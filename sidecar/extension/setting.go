package extension

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// Between reports a setting that is not from least to most. name is the
// setting's path in the extension's configuration.
func Between[N int | time.Duration](name string, n, least, most N) error {
	if n < least || n > most {
		return fmt.Errorf("%s: %v is not from %v to %v", name, n, least, most)
	}
	return nil
}

// Private reports whether nobody between can read what is sent there: https,
// or this very machine, to which every name below localhost leads too (RFC 6761
// section 6.3).
func Private(u *url.URL) bool {
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	here := host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
	return host != "" && (u.Scheme == "https" || u.Scheme == "http" && here)
}

// MaxFile is the longest file that ReadFile reads, in bytes.
const MaxFile = 1 << 20

// ReadFile reads a file that the configuration names: a key, a password, a
// certificate. An empty one is an error, and so is one over MaxFile. Read it
// whenever it is needed: then a changed one needs no restart.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	case len(data) > MaxFile:
		return nil, fmt.Errorf("%s is over %d bytes", path, MaxFile)
	}
	return data, nil
}

// ReadSecret reads the one word in a file: what stands around it is white space.
func ReadSecret(path string) (string, error) {
	data, err := ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}
