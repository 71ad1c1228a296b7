package relying

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Limits of a log-out token.
const (
	logoutMaxBody = 64 << 10         // bytes of the request
	logoutMaxAge  = 10 * time.Minute // since `iat`, whatever `exp` says
	logoutSkew    = time.Minute      // that `iat` may lie ahead
	logoutsKept   = 10_000           // token ids remembered against replay
)

// backchannel takes the provider's word that a session is over (OpenID Connect
// Back-Channel Logout 1.0 section 2.5). It is told once and never again, so
// the answer 200 means that the end is durable; what could not be worked on is
// kept and tried again, see late.
func (rp *Party) backchannel(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, logoutMaxBody)
	now, n := rp.Now(), 0
	raw, err := logoutToken(r)
	if err == nil {
		n, err = rp.obey(r.Context(), raw, now)
	}
	switch {
	case err == nil:
		rp.Log.InfoContext(r.Context(), "the provider ended sessions", "count", n)
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, errAnswer):
		rp.Log.WarnContext(r.Context(), "refusing a log-out token", "error", err)
		logoutError(w, http.StatusBadRequest, "invalid_request")
	default: // it could not be worked on, and was not refused
		rp.late.add(raw, now)
		rp.Log.ErrorContext(r.Context(), "a log-out token could not be worked on", "error", err)
		w.Header().Set("Retry-After", "5")
		logoutError(w, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
}

// obey ends what a log-out token names, and returns how many sessions these
// were. An error that is errAnswer means that the token is refused.
func (rp *Party) obey(ctx context.Context, raw string, at time.Time) (n int, err error) {
	token, err := rp.verifyLogout(ctx, raw, at)
	if err != nil {
		return 0, err
	}
	match := Match{Issuer: token.Issuer, Subject: token.Subject, SID: token.SessionID}
	rp.heard.add(match, rp.Now()) // first, so that no login falls between
	if n, err = rp.end(ctx, match, "backchannel"); err != nil {
		return 0, err
	}
	rp.seen.add(token.TokenID, token.IssuedAt.Add(logoutMaxAge+logoutSkew), rp.Now())
	return n, nil
}

func logoutError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, code)
}

// logoutToken reads the token of a request.
func logoutToken(r *http.Request) (string, error) {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") {
		return "", fmt.Errorf("%w: not a form", errAnswer)
	}
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("%w: unreadable form", errAnswer)
	}
	raw := r.PostForm["logout_token"]
	if len(raw) != 1 || !isLogoutJWT(raw[0]) {
		return "", fmt.Errorf("%w: not one token of the type logout+jwt", errAnswer)
	}
	return raw[0], nil
}

// keysAway is how go-oidc's verifier begins to say that it could not fetch the
// issuer's keys; it has no type for that.
const keysAway = "failed to verify signature: fetching keys "

// verifyLogout verifies a token that came at the given time (section 2.6).
func (rp *Party) verifyLogout(ctx context.Context, raw string, at time.Time) (*oidc.LogoutToken, error) {
	issuer, err := rp.issuer(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, issuerWait)
	defer cancel()
	token, err := issuer.identityAt(func() time.Time { return at }).VerifyLogout(ctx, raw)
	switch {
	case err == nil:
		return token, rp.checkLogout(token, at)
	case strings.HasPrefix(err.Error(), keysAway):
		return nil, errors.New("the issuer's keys cannot be fetched")
	default:
		// Not why: the verifier quotes what stands in a token that anybody may have written.
		return nil, fmt.Errorf("%w: signature, issuer, audience or times are not right", errAnswer)
	}
}

// checkLogout checks what the verifier leaves to its caller.
func (rp *Party) checkLogout(token *oidc.LogoutToken, at time.Time) error {
	var claims struct {
		Events map[string]json.RawMessage `json:"events"`
	}
	if err := token.Claims(&claims); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	var event map[string]any
	raw := claims.Events["http://schemas.openid.net/event/backchannel-logout"]
	if json.Unmarshal(raw, &event) != nil || event == nil {
		return fmt.Errorf("%w: not a log-out event", errAnswer)
	}
	if age := at.Sub(token.IssuedAt); age > logoutMaxAge || age < -logoutSkew {
		return fmt.Errorf("%w: issued too long ago or in the future", errAnswer)
	}
	if rp.seen.has(token.TokenID, rp.Now()) {
		return fmt.Errorf("%w: seen before", errAnswer)
	}
	return nil
}

// isLogoutJWT reports whether a token says that it is a log-out token. The
// issuers's other tokens are signed with the same keys.
func isLogoutJWT(raw string) bool {
	head, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return false
	}
	var header struct {
		Type string `json:"typ"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return false
	}
	return strings.TrimPrefix(strings.ToLower(header.Type), "application/") == "logout+jwt"
}

// replays remembers the ids of tokens that were obeyed. Obeying one twice ends
// only what has begun since, and only within its short life: so it is enough
// that each replica knows its own.
type replays struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func (p *replays) has(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.ids[id])
}

func (p *replays) add(id string, until, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[string]time.Time)
	}
	if len(p.ids) >= logoutsKept {
		for old, end := range p.ids {
			if !now.Before(end) {
				delete(p.ids, old)
			}
		}
	}
	for old := range p.ids {
		if len(p.ids) < logoutsKept {
			break
		}
		delete(p.ids, old)
	}
	p.ids[id] = until
}
