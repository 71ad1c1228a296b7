package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/schleuse/schleuse/sidecar/extension"
)

const (
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	grant = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523
	// assertionLife is how long the assertion may be used; Google takes no more
	// than an hour.
	assertionLife = 10 * time.Minute
	// tokenLife is the longest that an access token is used, and tokenSpare how
	// long before its end the next one is fetched.
	tokenLife  = time.Hour
	tokenSpare = 2 * time.Minute
	// tokenPause is how long nothing is sent when there is no access token.
	tokenPause = 10 * time.Second
)

var bearerForm = regexp.MustCompile(`^[!-~]+$`)

// access is what one access token allows.
type access struct {
	token   string
	project string
	until   time.Time
}

// tokens keeps the access token, and fetches one at a time.
type tokens struct {
	config Config
	remote *extension.Remote
	now    func() time.Time

	turn chan struct{} // holds the one who may look at or change what follows
	have access
}

func newTokens(c Config, remote *extension.Remote, now func() time.Time) *tokens {
	return &tokens{config: c, remote: remote, now: now, turn: make(chan struct{}, 1)}
}

// get returns an access token that still lives, other than spent.
func (t *tokens) get(ctx context.Context, spent string) (access, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return access{}, ctx.Err()
	}
	defer func() { <-t.turn }()
	if t.have.token != "" && t.have.token != spent && t.now().Before(t.have.until) {
		return t.have, nil
	}
	got, err := t.fetch(ctx)
	if err != nil {
		return access{}, fmt.Errorf("fetching an access token: %w", err)
	}
	t.have = got
	return got, nil
}

func (t *tokens) fetch(ctx context.Context) (access, error) {
	a, err := readAccount(t.config)
	if err != nil {
		return access{}, err
	}
	assertion, err := a.assertion(t.now())
	if err != nil {
		return access{}, err
	}
	form := url.Values{"grant_type": {grant}, "assertion": {assertion}}
	reply, err := t.remote.Post(ctx, a.tokenURL, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		return access{}, err
	}
	if reply.Status != http.StatusOK {
		t.remote.Rest(reply, tokenPause)
		return access{}, fmt.Errorf("the token service answers %d", reply.Status)
	}
	token, life, err := readToken(reply.Body)
	if err != nil {
		t.remote.Rest(reply, tokenPause)
		return access{}, err
	}
	return access{token: token, project: a.project, until: t.now().Add(life)}, nil
}

// assertion says that the service account wants to send messages.
func (a account) assertion(now time.Time) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: a.key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", a.keyID))
	if err != nil {
		return "", fmt.Errorf("preparing the assertion: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": a.email, "scope": scope, "aud": a.tokenURL, "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	return text, nil
}

// readToken reads the token service's answer (RFC 6749 section 5.1): the access
// token and how long it is used.
func readToken(raw []byte) (string, time.Duration, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		TokenType   string `json:"token_type"`
	}
	if json.Unmarshal(raw, &answer) != nil || answer.TokenType != "Bearer" || !bearerForm.MatchString(answer.AccessToken) || answer.ExpiresIn <= 0 {
		return "", 0, errors.New("the token service's answer is not as documented")
	}
	life := time.Duration(min(answer.ExpiresIn, int64(tokenLife/time.Second))) * time.Second
	return answer.AccessToken, life - min(tokenSpare, life/2), nil
}
