package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-resty/resty/v2"

	"github.com/schleuse/schleuse/sidecar/account"
)

// ErrDown says that Keycloak was not asked, because it has just not answered
// several times in a row.
var ErrDown = errors.New("the Admin API does not answer; not asked again yet")

// errGarbage says that an answer is none of the Admin API's.
var errGarbage = errors.New("the answer is none of Keycloak's Admin API")

// Status is a refusal by Keycloak. It holds no text of the answer: that may
// repeat what was asked.
type Status struct {
	Code   int
	Reason string // for the codes that have a usual cause
	body   string
}

// Error returns the status and its usual cause.
func (s *Status) Error() string {
	text := fmt.Sprintf("Keycloak answered %d", s.Code)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// The figures of the policies. Three attempts fit the deadline; five failures
// in a row are no accident; a probe every other second is no burden.
const (
	attempts     = 3
	firstPause   = 50 * time.Millisecond
	longestPause = 500 * time.Millisecond
	breakAfter   = 5
	breakFor     = 2 * time.Second
)

// policies returns how reads and writes are carried out: both behind one
// circuit breaker, only reads repeated.
func (c *Client) policies() (reads, writes failsafe.Executor[any]) {
	failed := func(_ any, err error) bool { return transient(err) }
	breaker := circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return down(err) }).
		WithFailureThreshold(breakAfter).
		WithSuccessThreshold(1).
		WithDelay(breakFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			if c.Log != nil {
				c.Log.Warn("Keycloak's Admin API", "state", e.NewState.String())
			}
		}).
		Build()
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(failed).
		AbortOnErrors(circuitbreaker.ErrOpen).
		WithMaxAttempts(attempts).
		WithBackoff(firstPause, longestPause).
		WithJitterFactor(0.2).
		ReturnLastFailure().
		Build()
	return failsafe.With[any](retry, breaker), failsafe.With[any](breaker)
}

// transient reports whether an error says that Keycloak is not well, rather
// than that it refused or that the caller went away.
func transient(err error) bool {
	var password *account.PasswordError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &password) {
		return false
	}
	var status *Status
	if errors.As(err, &status) {
		return status.Code >= 500 || status.Code == http.StatusTooManyRequests
	}
	return true
}

// down reports whether an error says that Keycloak as a whole is not well. A
// 500 may be about the one account that was asked for, whose id comes from a
// cookie: nobody may close the gate to everybody with an id that Keycloak
// stumbles over.
func down(err error) bool {
	var status *Status
	return transient(err) && (!errors.As(err, &status) || status.Code != http.StatusInternalServerError)
}

type operation func(context.Context, *token) error

// read carries out a call that changes nothing, again if need be.
func (c *Client) read(ctx context.Context, what string, op operation) error {
	c.connect()
	return c.carry(ctx, c.reads, what, op)
}

// write carries out a call that changes something, once.
func (c *Client) write(ctx context.Context, what string, op operation) error {
	c.connect()
	return c.carry(ctx, c.writes, what, op)
}

func (c *Client) carry(ctx context.Context, policy failsafe.Executor[any], what string, op operation) error {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	err := policy.WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
		return c.attempt(e.Context(), op)
	})
	if errors.Is(err, circuitbreaker.ErrOpen) {
		err = ErrDown
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// attempt makes one call. A refused token is renewed once: Keycloak has not
// carried out anything then.
func (c *Client) attempt(ctx context.Context, op operation) error {
	for renewed := false; ; renewed = true {
		t, err := c.current(ctx)
		if err != nil {
			return err
		}
		callCtx, heard := listen(ctx)
		err = heard.explain(op(callCtx, t))
		var status *Status
		refused := errors.As(err, &status)
		if refused && status.Code == http.StatusUnauthorized && !renewed {
			c.forget(t)
			continue
		}
		if err == nil || refused && status.sensible() {
			c.success.Store(c.Now().UnixNano())
		}
		return err
	}
}

// sensible reports whether the refusal is an answer about the account or
// session that was asked for.
func (s *Status) sensible() bool { return s.missing() != "" }

// missing returns what Keycloak says that there is none of: "User",
// "Session", "Credential", "Link" or "Role". A 404 without these words comes from a
// wrong path, a wrong realm or a proxy, and says nothing.
func (s *Status) missing() string {
	if s.Code != http.StatusNotFound {
		return ""
	}
	for _, word := range []string{"User", "Session", "Sesssion", "Credential", "Link", "Role"} {
		if strings.Contains(s.body, ": "+word+" not found") {
			return strings.Replace(word, "sss", "ss", 1)
		}
	}
	return ""
}

// gone reports whether err says that there is no such thing.
func gone(err error, what string) bool {
	var status *Status
	return errors.As(err, &status) && status.missing() == what
}

// hearing catches the transport's error: gocloak turns it into a text with the
// URL, and a URL may hold a user name.
type hearing struct{ err error }

type hearingKey struct{}

func listen(ctx context.Context) (context.Context, *hearing) {
	h := &hearing{}
	return context.WithValue(ctx, hearingKey{}, h), h
}

// explain turns gocloak's error into one of ours.
func (h *hearing) explain(err error) error {
	var api *gocloak.APIError
	var status *Status
	var password *account.PasswordError
	var u *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status), errors.As(err, &password):
		return err
	case errors.As(err, &api) && api.Code != 0:
		return &Status{Code: api.Code, Reason: usual(api.Code), body: api.Message}
	case h.err != nil:
		return h.err
	case errors.As(err, &u):
		return u.Err
	case errors.Is(err, errGarbage):
		return err
	default:
		return errGarbage
	}
}

func usual(code int) string {
	switch code {
	case http.StatusUnauthorized:
		return "the client's secret is wrong, or the client is disabled or has no service account"
	case http.StatusForbidden:
		return "the service account lacks the role manage-users of realm-management"
	case http.StatusNotFound:
		return "wrong address, relative path or realm"
	default:
		return ""
	}
}

// intelligible refuses what is no answer of the Admin API: redirects, pages, a
// change that was not answered with 204. gocloak takes them for success.
func intelligible(_ *resty.Client, r *resty.Response) error {
	code := r.StatusCode()
	token := strings.HasSuffix(r.Request.URL, "/token")
	switch {
	case code >= 400, code == http.StatusNoContent:
		return nil
	case code == http.StatusCreated && r.Request.Method == http.MethodPost && r.Header().Get("Location") != "":
		return nil
	case code != http.StatusOK, r.Request.Method != http.MethodGet && !token:
		return errGarbage
	case !resty.IsJSONType(r.Header().Get("Content-Type")):
		return errGarbage
	}
	return nil
}

// plainID reports whether s can stand in a path as one segment that means
// itself: ids come from cookies and tokens that nobody has checked yet.
func plainID(s string) bool {
	if s == "" || len(s) > 128 || s == "." || s == ".." {
		return false
	}
	if strings.HasPrefix(s, "f:") && strings.Count(s, ":") < 2 {
		return false // Keycloak reads f:PROVIDER:ID, and answers 500 to less
	}
	for _, r := range s {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:@", r) {
			return false
		}
	}
	return true
}
