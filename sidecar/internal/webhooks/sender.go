package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// How messages are sent.
const (
	tryTime   = 24 * time.Hour  // then the message is laid aside
	callTime  = 8 * time.Second // for one call, the connection included
	restTime  = 10 * time.Second
	maxAnswer = 4 << 10 // bytes of an answer that are read, so that the connection can be used again
)

// Endpoint is where a client is told.
type Endpoint struct {
	URL *url.URL // https; http only with AllowPrivate
	// Secret returns the shared secret of now: whsec_ and base64 of 24 to 64
	// bytes.
	Secret func() (string, error)
	// AllowPrivate lets the address be one that is not public: a backend in the
	// operator's own network.
	AllowPrivate bool
	// TLS says whom to trust; nil: as the system does.
	TLS *tls.Config
}

// Sender tells clients. Every field must be set. It is safe for concurrent use.
type Sender struct {
	Endpoints map[string]Endpoint // by client
	// Outbox returns the outbox of this name; see the function Outbox.
	Outbox  func(name string) extension.Outbox
	Records extension.Records // those named Records, for the dead letters
	Log     *slog.Logger
	Now     func() time.Time

	mu      sync.Mutex
	clients map[string]*http.Client // by client
	resting map[string]time.Time    // by client: until when it is not called
}

// Run delivers until ctx ends, to each client in its own time: one whose
// endpoint hangs holds up no other.
func (s *Sender) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(s.Endpoints))
	for client := range s.Endpoints {
		go func() { ended <- s.Outbox(Outbox(client)).Deliver(ctx, s.Deliver) }()
	}
	var errs []error
	for range s.Endpoints {
		if err := <-ended; err != nil {
			errs = append(errs, err)
			cancel()
		}
	}
	return errors.Join(errs...)
}

// Deliver sends one message. Its errors are those that extension.Outbox
// expects: a message that failed for a day is laid aside and given up.
func (s *Sender) Deliver(ctx context.Context, m extension.Message) error {
	var n note
	if err := json.Unmarshal(m.Body, &n); err != nil {
		return fmt.Errorf("%w: unreadable message", extension.ErrUndeliverable)
	}
	err := s.call(ctx, n)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if !errors.Is(err, extension.ErrUndeliverable) && s.Now().Sub(n.At) < tryTime {
		return err
	}
	s.Log.Error("webhook laid aside", "client", n.Client, "approval", n.ID, "state", n.State, "error", err)
	if lay := s.lay(ctx, n, why(err)); lay != nil {
		return lay // tried again rather than lost
	}
	return fmt.Errorf("%w: %w", extension.ErrUndeliverable, err)
}

// call sends, unless the endpoint failed a moment ago: who is down is not called
// once for each message that waits.
func (s *Sender) call(ctx context.Context, n note) error {
	if s.rests(n.Client) {
		return errors.New("the endpoint rests after a failure")
	}
	err := s.send(ctx, n)
	if err != nil && !errors.Is(err, extension.ErrUndeliverable) {
		s.rest(n.Client)
	}
	return err
}

// refused says that an endpoint answered something else than yes.
type refused struct{ status int }

// Error names the status alone: the answer is the client's own.
func (r refused) Error() string { return "the endpoint answers " + strconv.Itoa(r.status) }

// send makes one call. 2xx is taken; 410 is final (Standard Webhooks); all
// else, redirects among it, is tried again.
func (s *Sender) send(ctx context.Context, n note) error {
	end, ok := s.Endpoints[n.Client]
	if !ok {
		return fmt.Errorf("%w: the client has no endpoint any more", extension.ErrUndeliverable)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r, err := s.request(ctx, end, n)
	if err != nil {
		return err
	}
	res, err := s.client(n.Client, end).Do(r)
	if err != nil {
		return fmt.Errorf("calling the endpoint: %w", unquoted(err))
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode == http.StatusGone:
		return fmt.Errorf("%w: %w", extension.ErrUndeliverable, refused{res.StatusCode})
	default:
		return refused{res.StatusCode}
	}
}

// unquoted takes the address away, in which a client may keep a secret.
func unquoted(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (s *Sender) request(ctx context.Context, end Endpoint, n note) (*http.Request, error) {
	if end.URL.Scheme != "https" && !end.AllowPrivate {
		return nil, errors.New("the endpoint is no https address")
	}
	body, err := n.payload()
	if err != nil {
		return nil, err
	}
	signature, at, err := s.sign(end, n, body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, end.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, unquoted(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "schleuse")
	r.Header.Set(standardwebhooks.HeaderWebhookID, n.key())
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return r, nil
}

func (s *Sender) sign(end Endpoint, n note, body []byte) (signature string, at time.Time, err error) {
	secret, err := end.Secret()
	if err != nil {
		return "", at, fmt.Errorf("reading the webhook's secret: %w", err)
	}
	key, err := ParseSecret(secret)
	if err != nil {
		return "", at, err
	}
	hook, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return "", at, err
	}
	at = s.Now()
	signature, err = hook.Sign(n.key(), at, body)
	return signature, at, err
}

// ParseSecret returns the key that a secret of Standard Webhooks stands for:
// whsec_ and base64 of 24 to 64 bytes.
func ParseSecret(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(secret), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a webhook's secret is whsec_ and base64 of 24 to 64 bytes")
	}
	return key, nil
}

// client returns the client's own connections. Redirects are not followed.
func (s *Sender) client(name string, end Endpoint) *http.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clients[name]; ok {
		return c
	}
	t := transport(end.AllowPrivate)
	if end.TLS != nil {
		t.TLSClientConfig = end.TLS.Clone()
	}
	c := &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.clients == nil {
		s.clients = map[string]*http.Client{}
	}
	s.clients[name] = c
	return c
}

func (s *Sender) rest(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resting == nil {
		s.resting = map[string]time.Time{}
	}
	s.resting[client] = s.Now().Add(restTime)
}

func (s *Sender) rests(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Now().Before(s.resting[client])
}
