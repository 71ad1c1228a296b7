package http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// credentials are what the client shows. They are read when they are needed, so
// that rotated ones need no restart.
type credentials struct {
	tokenFile string
	tls       TLS
}

// maxToken is the longest token that is read, in bytes.
const maxToken = 4096

var tokenForm = regexp.MustCompile(`^[!-~]+$`)

// token returns the bearer token; empty where none is configured. The error
// does not hold it.
func (c credentials) token() (string, error) {
	if c.tokenFile == "" {
		return "", nil
	}
	f, err := os.Open(c.tokenFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if len(raw) > maxToken || !tokenForm.MatchString(text) {
		return "", fmt.Errorf("%s holds no token: want one line without blanks, at most %d bytes", c.tokenFile, maxToken)
	}
	return text, nil
}

// certificate returns the client certificate.
func (c credentials) certificate() (*tls.Certificate, error) {
	if c.tls.CertFile == "" {
		return &tls.Certificate{}, nil
	}
	pair, err := tls.LoadX509KeyPair(c.tls.CertFile, c.tls.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	return &pair, nil
}

// usable reports whether there is something to show.
func (c credentials) usable() error {
	_, tokenErr := c.token()
	_, certErr := c.certificate()
	return errors.Join(tokenErr, certErr)
}

// config returns the settings of a connection.
func (c credentials) config() (*tls.Config, error) {
	out := &tls.Config{
		MinVersion:           tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.certificate() },
	}
	if c.tls.CAFile == "" {
		return out, nil
	}
	raw, err := os.ReadFile(c.tls.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities: %w", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", c.tls.CAFile)
	}
	return out, nil
}
