package keycloak_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
)

// authority signs certificates for this test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, dir: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// issue writes a certificate for name and its key.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return a.write(t, "cert.pem", "CERTIFICATE", der), a.write(t, "key.pem", "PRIVATE KEY", encoded)
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// guarded is a server that lets in only who shows a certificate, and says whose.
func guarded(t *testing.T, own, clients *authority) string {
	t.Helper()
	certFile, keyFile := own.issue(t, "keycloak")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Who", r.TLS.PeerCertificates[0].Subject.CommonName)
		w.Header().Set("Connection", "close")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients.pool(), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func ask(t *testing.T, transport *http.Transport, target string) (who string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	response.Body.Close()
	return response.Header.Get("Who"), nil
}

func TestTransportShowsTheGatesCertificateAndBelievesOneAuthority(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	target := guarded(t, servers, clients)
	ca := filepath.Join(servers.dir, "ca.pem")
	certFile, keyFile := clients.issue(t, "gate")
	for name, tt := range map[string]struct {
		tls  keycloak.TLS
		want string // empty: refused
	}{
		"right":                  {keycloak.TLS{CAFile: ca, CertFile: certFile, KeyFile: keyFile}, "gate"},
		"no certificate":         {keycloak.TLS{CAFile: ca}, ""},
		"server not believed":    {keycloak.TLS{CAFile: filepath.Join(clients.dir, "ca.pem"), CertFile: certFile, KeyFile: keyFile}, ""},
		"the system's authority": {keycloak.TLS{CertFile: certFile, KeyFile: keyFile}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			transport, err := keycloak.Transport(tt.tls)
			if err != nil {
				t.Fatal(err)
			}
			who, err := ask(t, transport, target)
			if who != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("let in as %q, error %v, want %q", who, err, tt.want)
			}
		})
	}
}

func TestTransportUsesARenewedCertificate(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	target := guarded(t, servers, clients)
	certFile, keyFile := clients.issue(t, "gate")
	transport, err := keycloak.Transport(keycloak.TLS{CAFile: filepath.Join(servers.dir, "ca.pem"), CertFile: certFile, KeyFile: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gate", "renewed"} {
		if name != "gate" {
			clients.issue(t, name)
		}
		if who, err := ask(t, transport, target); err != nil || who != name {
			t.Errorf("let in as %q, error %v, want %q", who, err, name)
		}
	}
}

func TestTransportRefusesFilesThatAreNoCertificates(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]keycloak.TLS{
		"no authority": {CAFile: junk}, "missing authority": {CAFile: junk + "x"}, "no pair": {CertFile: junk, KeyFile: junk},
	} {
		if _, err := keycloak.Transport(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
