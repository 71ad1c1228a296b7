package keycloak

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// TLS names the files of a TLS client. All are optional.
type TLS struct {
	CAFile   string // authorities that are believed, PEM; empty = the system's
	CertFile string // certificate that is shown, PEM, with KeyFile
	KeyFile  string
}

// Transport returns a transport towards Keycloak, for the Admin API and for
// the gate. It never asks a proxy of the environment. The client certificate
// is read at every handshake, so that a renewed one is used without a restart.
func Transport(t TLS) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities for Keycloak: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the authorities for Keycloak: %s holds no certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("reading the certificate for Keycloak: %w", err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: Deadline, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   Deadline,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		DisableCompression:    true,
	}, nil
}

// catching tells the call's hearing what the transport met.
type catching struct{ next http.RoundTripper }

func (t catching) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err != nil {
		if h, ok := r.Context().Value(hearingKey{}).(*hearing); ok {
			h.err = err
		}
	}
	return response, err
}
