package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	stdhttp "net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/schleuse/schleuse/sidecar/member"
)

// The figures of the policies. Three attempts fit the timeout; five failures in
// a row are no accident; a probe every other second is no burden.
const (
	attempts     = 3
	firstPause   = 50 * time.Millisecond
	longestPause = 500 * time.Millisecond
	breakAfter   = 5
	breakFor     = 2 * time.Second
	connections  = 32 // at the same time
)

// errDown says that the service was not asked, because it has just not answered
// several times in a row.
var errDown = errors.New("the service does not answer; not asked again yet")

// garbage says that an answer is not as documented, and why, in fixed words.
type garbage string

func (g garbage) Error() string { return "the answer is not as documented: " + string(g) }

// refusal is a status that is none of the documented ones.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("the service answered %d", int(r)) }

// service asks the insurer's web service.
type service struct {
	credentials credentials
	client      *stdhttp.Client
	transport   *stdhttp.Transport
	timeout     time.Duration
	policy      failsafe.Executor[[]byte]
}

func newService(c Config, log *slog.Logger) (*service, error) {
	shown := credentials{c.TokenFile, c.TLS}
	if err := shown.usable(); err != nil {
		return nil, err
	}
	secured, err := shown.config()
	if err != nil {
		return nil, err
	}
	transport := &stdhttp.Transport{
		Proxy: stdhttp.ProxyFromEnvironment, TLSClientConfig: secured, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}
	return &service{
		credentials: shown, transport: transport, timeout: c.Timeout, policy: policy(log),
		client: &stdhttp.Client{
			Transport:     transport,
			CheckRedirect: func(*stdhttp.Request, []*stdhttp.Request) error { return stdhttp.ErrUseLastResponse },
		},
	}, nil
}

// ready reports whether this replica has what it shows to the service. That the
// service answers is not asked: another replica could do no better.
func (s *service) ready(context.Context) error { return s.credentials.usable() }

func (s *service) close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func policy(log *slog.Logger) failsafe.Executor[[]byte] {
	breaker := circuitbreaker.NewBuilder[[]byte]().
		HandleIf(func(_ []byte, err error) bool { return down(err) }).
		WithFailureThreshold(breakAfter).
		WithSuccessThreshold(1).
		WithDelay(breakFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			log.Warn("member directory", "state", e.NewState.String())
		}).
		Build()
	retry := retrypolicy.NewBuilder[[]byte]().
		HandleIf(func(_ []byte, err error) bool { return transient(err) }).
		AbortOnErrors(circuitbreaker.ErrOpen).
		WithMaxAttempts(attempts).
		WithBackoff(firstPause, longestPause).
		WithJitterFactor(0.2).
		ReturnLastFailure().
		Build()
	return failsafe.With[[]byte](retry, breaker)
}

// transient reports whether the same call may succeed in a moment.
func transient(err error) bool {
	var r refusal
	var g garbage
	switch {
	case err == nil, errors.Is(err, member.ErrNotFound), errors.Is(err, context.Canceled), errors.As(err, &g):
		return false
	case errors.As(err, &r):
		return r >= 500 || r == stdhttp.StatusTooManyRequests
	}
	return true
}

// down reports whether the service as a whole is not well. A 500 may be about
// the one number that somebody typed: nobody may close the directory to all
// with a number that it stumbles over.
func down(err error) bool {
	var r refusal
	return transient(err) && (!errors.As(err, &r) || r != stdhttp.StatusInternalServerError)
}

// ask posts the number to an address and returns the answer's body, of at most
// limit bytes. The error is member.ErrNotFound or, wrapped,
// member.ErrUnavailable.
func (s *service) ask(ctx context.Context, address string, number member.KVNR, limit int64) ([]byte, error) {
	question, err := json.Marshal(map[string]string{"kvnr": string(number)})
	if err != nil {
		return nil, unavailable(err)
	}
	token, err := s.credentials.token()
	if err != nil {
		return nil, unavailable(err) // ours: it says nothing of the service
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	body, err := s.policy.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[[]byte]) ([]byte, error) {
		return s.once(e.Context(), address, token, question, limit)
	})
	switch {
	case errors.Is(err, member.ErrNotFound):
		return nil, member.ErrNotFound
	case errors.Is(err, circuitbreaker.ErrOpen):
		return nil, unavailable(errDown)
	case err != nil:
		return nil, unavailable(err)
	}
	return body, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", member.ErrUnavailable, err) }

// once makes one call.
func (s *service) once(ctx context.Context, address, token string, question []byte, limit int64) ([]byte, error) {
	r, err := stdhttp.NewRequestWithContext(ctx, stdhttp.MethodPost, address, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "schleuse")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return read(answer, limit)
}

// read takes an answer for what it is. A 404 in another form than JSON is not
// the service's, but of somebody in between who does not know it.
func read(answer *stdhttp.Response, limit int64) ([]byte, error) {
	form, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	spoken := err == nil && (form == "application/json" || form == "application/problem+json")
	switch {
	case answer.StatusCode == stdhttp.StatusNotFound && spoken:
		return nil, member.ErrNotFound
	case answer.StatusCode != stdhttp.StatusOK:
		return nil, refusal(answer.StatusCode)
	case !spoken || form != "application/json" || answer.Header.Get("Content-Encoding") != "":
		return nil, garbage("no JSON")
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, garbage("too large")
	}
	return body, nil
}
