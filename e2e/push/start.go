package push

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Running are both services at work.
type Running struct {
	FCM          *FCM
	APNs         *APNs
	FCMURL       string // http
	APNsURL      string // https, HTTP/2
	AccountFile  string // service account of FCM
	KeyFile      string // provider's key of APNs
	AuthorityPEM string // file with the certificate of APNs
}

// Start runs both on loopback until ctx ends, and writes into dir what callers
// need: fcm.json, apns.p8, apns-ca.pem.
func Start(ctx context.Context, dir string, now func() time.Time) (*Running, error) {
	plain, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	secure, err := listen(ctx)
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	r := &Running{
		FCMURL: "http://" + plain.Addr().String(), APNsURL: "https://" + secure.Addr().String(),
		AccountFile: filepath.Join(dir, "fcm.json"), KeyFile: filepath.Join(dir, "apns.p8"), AuthorityPEM: filepath.Join(dir, "apns-ca.pem"),
	}
	shown, err := r.prepare(now)
	if err != nil {
		return nil, errors.Join(err, plain.Close(), secure.Close())
	}
	serve(ctx, plain, r.FCM)
	serve(ctx, tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{shown}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}), r.APNs)
	return r, nil
}

func listen(ctx context.Context) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
}

// prepare makes both services and writes the files.
func (r *Running) prepare(now func() time.Time) (shown tls.Certificate, err error) {
	if r.FCM, err = NewFCM(r.FCMURL, now); err != nil {
		return shown, err
	}
	if r.APNs, err = NewAPNs(now); err != nil {
		return shown, err
	}
	account, accountErr := r.FCM.ServiceAccount()
	key, keyErr := r.APNs.Key()
	shown, ca, certErr := certificate()
	if err := errors.Join(accountErr, keyErr, certErr); err != nil {
		return shown, err
	}
	return shown, errors.Join(os.WriteFile(r.AccountFile, account, 0o600), os.WriteFile(r.KeyFile, key, 0o600), os.WriteFile(r.AuthorityPEM, ca, 0o600))
}

func serve(ctx context.Context, l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }()
}

// certificate is one that signs itself, for the loopback address.
func certificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "played APNs"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
