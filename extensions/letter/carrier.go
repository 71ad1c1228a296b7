package letter

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// carrier brings documents to whoever prints letters. post may be repeated
// with the same id and document.
type carrier interface {
	post(ctx context.Context, id string, document []byte) error
	ready() error
}

// folder is a carrier that lays documents in a folder, as ID.json.
type folder string

// post writes a file that nobody else may read, and lets it appear whole.
func (f folder) post(_ context.Context, id string, document []byte) error {
	file, err := os.CreateTemp(string(f), ".letter-*")
	if err != nil {
		return fmt.Errorf("opening a print order: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already, if all went well
	_, err = file.Write(document)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(string(f), id+".json"))
	}
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		return fmt.Errorf("writing a print order: %w", err)
	}
	return nil
}

// sync makes the file's name durable.
func (f folder) sync() error {
	d, err := os.Open(string(f))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f folder) ready() error {
	info, err := os.Stat(string(f))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", string(f))
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// Webhook is a print service that takes orders by Standard Webhooks 1.0.
type Webhook struct {
	// URL is called by POST; https, or http on the same machine.
	URL string `yaml:"url"`
	// SecretFile has the shared secret: whsec_ and base64 of 24 to 64 bytes.
	SecretFile string `yaml:"secret_file"`
	// CAFile has the certificates (PEM) that may have signed the service's;
	// empty = those that the system trusts.
	CAFile string `yaml:"ca_file"`
}

func (w Webhook) validate() error {
	var errs []error
	if u, err := url.Parse(w.URL); err != nil || !extension.Private(u) || u.User != nil || u.Fragment != "" {
		errs = append(errs, errors.New("webhook.url: no https address"))
	}
	if w.SecretFile == "" {
		errs = append(errs, errors.New("webhook.secret_file: without it nobody could tell our orders from others"))
	}
	return errors.Join(errs...)
}

// service is a carrier that calls a webhook.
type service struct {
	config Webhook
	now    func() time.Time
}

const (
	callTime  = 20 * time.Second
	maxAnswer = 4 << 10 // bytes of an answer that are read, so that the connection can be used again
)

// post calls the service. 2xx and 409 (it has this id already) are taken; 400,
// 410, 413 and 422 are final; everything else is tried again.
func (s *service) post(ctx context.Context, id string, document []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	r, err := s.request(ctx, id, document)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("calling the print service: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	switch code := res.StatusCode; {
	case code/100 == 2, code == http.StatusConflict:
		return nil
	case code == http.StatusBadRequest, code == http.StatusGone, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: the print service answers %d", extension.ErrUndeliverable, code)
	default:
		return fmt.Errorf("the print service answers %d", code)
	}
}

func (s *service) request(ctx context.Context, id string, document []byte) (*http.Request, error) {
	secret, err := s.secret()
	if err != nil {
		return nil, err
	}
	now := s.now()
	signature, err := secret.Sign(id, now, document)
	if err != nil {
		return nil, fmt.Errorf("signing a print order: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL, bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("calling the print service: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return r, nil
}

// client reads its files each time, so that changed ones need no restart.
func (s *service) client() (*http.Client, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.config.CAFile != "" {
		pem, err := extension.ReadFile(s.config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading webhook.ca_file: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("webhook.ca_file has no certificate (PEM)")
		}
	}
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: security, ForceAttemptHTTP2: true, Proxy: http.ProxyFromEnvironment},
		// An order is for the configured address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (s *service) secret() (*standardwebhooks.Webhook, error) {
	raw, err := extension.ReadFile(s.config.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("reading webhook.secret_file: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(raw)), "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("webhook.secret_file: want whsec_ and the base64 of 24 to 64 bytes")
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// ready looks at the files alone: a print service that is down delays letters,
// and must not keep people from signing in.
func (s *service) ready() error {
	_, err := s.secret()
	if err == nil {
		_, err = s.client()
	}
	return err
}
