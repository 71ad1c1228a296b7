package relying_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// TestForgedLogoutTokenWritesNoLog: anybody may send one, of any content.
func TestForgedLogoutTokenWritesNoLog(t *testing.T) {
	w := newWorld(t)
	part := base64.RawURLEncoding.EncodeToString
	payload := part([]byte(`{"iss":"A123456780","aud":"A123456780","sub":"A123456780"}`))
	for _, header := range []string{
		`{"typ":"logout+jwt","alg":"A123456780"}`, `{"typ":"logout+jwt","alg":"RS256","kid":"A123456780"}`,
		`{"typ":"logout+jwt","alg":"RS256","jwk":{"kty":"A123456780"}}`, `{"typ":"logout+jwt","alg":"RS256","crit":["A123456780"]}`,
	} {
		if got := w.tell(part([]byte(header)) + "." + payload + "." + part([]byte("x"))); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", header, got.Status)
		}
	}
	if strings.Contains(w.logs.String(), "A123456780") {
		t.Errorf("the log: %s", w.logs)
	}
}

func TestLogoutTokens(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(pairs ...any) func(map[string]any) {
		return func(c map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == nil {
					delete(c, pairs[i].(string))
				} else {
					c[pairs[i].(string)] = pairs[i+1]
				}
			}
		}
	}
	now := func(w *world, d time.Duration) int64 { return w.clock.Now().Add(d).Unix() }
	tests := map[string]struct {
		change func(map[string]any)
		later  func(w *world, c map[string]any)
		typ    string
		sign   func(w *world, c map[string]any) string
		ends   bool
	}{
		"as it should be":         {ends: true},
		"media type in full":      {typ: "application/logout+jwt", ends: true},
		"by sid alone":            {change: set("sub", nil), ends: true},
		"by sub alone":            {change: set("sid", nil), ends: true},
		"several audiences":       {change: set("aud", []string{"x", "webcenter"}), ends: true},
		"neither sid nor sub":     {change: set("sub", nil, "sid", nil)},
		"another sid":             {change: set("sid", "sid-9")},
		"another person's":        {change: set("sub", "s-9")},
		"another client's":        {change: set("aud", "partnerportal")},
		"no audience":             {change: set("aud", nil)},
		"another issuer's":        {change: set("iss", "https://evil.example")},
		"no issuer":               {change: set("iss", nil)},
		"with a nonce":            {change: set("nonce", "n")},
		"with an empty nonce":     {change: set("nonce", "")},
		"no events":               {change: set("events", nil)},
		"another event":           {change: set("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}})},
		"event is null":           {change: set("events", map[string]any{relyingtest.LogoutEvent: nil})},
		"event is a text":         {change: set("events", map[string]any{relyingtest.LogoutEvent: "x"})},
		"no jti":                  {change: set("jti", nil)},
		"no iat":                  {change: set("iat", nil)},
		"no exp":                  {change: set("exp", nil)},
		"expired":                 {later: func(w *world, c map[string]any) { c["exp"] = now(w, -time.Second) }},
		"issued long ago":         {later: func(w *world, c map[string]any) { c["iat"], c["exp"] = now(w, -11*time.Minute), now(w, time.Hour) }},
		"issued in the future":    {later: func(w *world, c map[string]any) { c["iat"], c["exp"] = now(w, 2*time.Minute), now(w, time.Hour) }},
		"typ of other tokens":     {typ: "JWT"},
		"typ of access tokens":    {typ: "at+jwt"},
		"no typ":                  {typ: "-"},
		"signed by somebody else": {sign: func(w *world, c map[string]any) string { return w.issuer.SignWith(stranger, "k1", "logout+jwt", c) }},
		"unknown key":             {sign: func(w *world, c map[string]any) string { return w.issuer.SignWith(stranger, "k9", "logout+jwt", c) }},
		"not signed": {sign: func(w *world, c map[string]any) string {
			_, rest, _ := strings.Cut(w.issuer.Sign("logout+jwt", c), ".")
			payload, _, _ := strings.Cut(rest, ".")
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + payload + "."
		}},
		"an ID token": {sign: func(w *world, _ map[string]any) string { return w.sessions.All()[0].IDToken }},
		"no token":    {sign: func(*world, map[string]any) string { return "" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signedIn()
			claims := w.issuer.LogoutClaims()
			if tt.change != nil {
				tt.change(claims)
			}
			if tt.later != nil {
				tt.later(w, claims)
			}
			typ := map[string]string{"": "logout+jwt", "-": ""}[tt.typ]
			if typ == "" && tt.typ != "-" {
				typ = tt.typ
			}
			token := w.issuer.Sign(typ, claims)
			if tt.sign != nil {
				token = tt.sign(w, claims)
			}
			p := w.tell(token)
			if ended := len(w.sessions.All()) == 0; ended != tt.ends {
				t.Errorf("answered %d: %s; session ended: %v, want %v", p.Status, p.Body, ended, tt.ends)
			}
			if name != "another sid" && name != "another person's" && (p.Status == http.StatusOK) != tt.ends {
				t.Errorf("answered %d: %s", p.Status, p.Body)
			}
			if p.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", p.Header.Get("Cache-Control"))
			}
		})
	}
}

func TestLogoutTokenInOtherForms(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	token := w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())
	b := relyingtest.NewBrowser(t)
	target := w.url + "/schleuse/backchannel-logout"
	form := url.Values{"logout_token": {token}}.Encode()
	const formType = "application/x-www-form-urlencoded"
	for name, req := range map[string]*http.Request{
		"GET":       b.Request(http.MethodGet, target+"?"+form, nil),
		"query":     b.Request(http.MethodPost, target+"?"+form, strings.NewReader(""), "Content-Type", formType),
		"JSON":      b.Request(http.MethodPost, target, strings.NewReader(`{"logout_token":"`+token+`"}`), "Content-Type", "application/json"),
		"twice":     b.Request(http.MethodPost, target, strings.NewReader(form+"&"+form), "Content-Type", formType),
		"too large": b.Request(http.MethodPost, target, strings.NewReader(form+"&x="+strings.Repeat("x", 70_000)), "Content-Type", formType),
	} {
		if p := b.Do(req); p.Status < 400 || len(w.sessions.All()) != 1 {
			t.Errorf("%s: answered %d, %d sessions", name, p.Status, len(w.sessions.All()))
		}
	}
}

func TestLogoutTokenCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	claims := w.issuer.LogoutClaims()
	delete(claims, "sid")
	token := w.issuer.Sign("logout+jwt", claims)
	if p := w.tell(token); p.Status != http.StatusOK {
		t.Fatalf("answered %d", p.Status)
	}
	w.clock.Advance(time.Second)
	w.signedIn()
	if p := w.tell(token); p.Status != http.StatusBadRequest || len(w.sessions.All()) != 1 {
		t.Errorf("the replay answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
}

func TestLogoutTokenIsDurableBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	token := w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())
	w.sessions.Fail(errors.New("disk full"))
	if p := w.tell(token); p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
	}
	w.sessions.Fail(nil)
	if p := w.tell(token); p.Status != http.StatusOK || len(w.sessions.All()) != 0 {
		t.Errorf("the second delivery answered %d, %d sessions", p.Status, len(w.sessions.All()))
	}
}

// TestLogoutIsHeardLate: the provider tells once, while the issuer, its keys or
// the store are away. It is not told that all is well, and the sessions end
// when they are there again: by the time at which it told.
func TestLogoutIsHeardLate(t *testing.T) {
	for name, away := range map[string]func(w *world, away bool){
		"issuer": func(w *world, away bool) { w.issuer.Set(func(s *relyingtest.Switches) { s.Down = away }) },
		"keys":   func(w *world, away bool) { w.issuer.Set(func(s *relyingtest.Switches) { s.NoKeys = away }) },
		"store": func(w *world, away bool) {
			w.sessions.Fail(map[bool]error{true: errors.New("disk full")}[away])
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signedIn()
			_, w.url = w.replica() // it knows nothing of the issuer yet
			away(w, true)
			forged := strings.TrimRight(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims()), "AQgw") + "A"
			w.tell(forged)
			p := w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims()))
			if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
				t.Errorf("answered %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
			}
			w.clock.Advance(5 * time.Minute) // longer than the token lives
			if name != "store" && len(w.sessions.All()) != 1 {
				t.Error("ended already")
			}
			away(w, false)
			relyingtest.Eventually(t, func() bool { return len(w.sessions.All()) == 0 })
		})
	}
}

// TestLateLogoutsAreBounded: what waits is forgotten when it is too old, and
// what is too long or too much is not kept.
func TestLateLogoutsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	site, at := w.replica()
	w.url = at
	w.issuer.Set(func(s *relyingtest.Switches) { s.Down = true })
	for i := range 510 {
		claims := w.issuer.LogoutClaims()
		claims["jti"] = i
		w.tell(w.issuer.Sign("logout+jwt", claims))
	}
	claims := w.issuer.LogoutClaims()
	claims["jti"] = strings.Repeat("x", 9000)
	w.tell(w.issuer.Sign("logout+jwt", claims))
	if n := relying.Waiting(site); n != 500 {
		t.Errorf("%d wait", n)
	}
	w.clock.Advance(10 * time.Minute)
	relyingtest.Eventually(t, func() bool { return relying.Waiting(site) == 0 })
	w.issuer.Set(func(s *relyingtest.Switches) { s.Down = false })
	if len(w.sessions.All()) != 1 {
		t.Error("an old token ended a session")
	}
}

func TestLogoutInTheMiddleOfALogin(t *testing.T) {
	var w *world
	told := http.StatusTeapot
	w = newWorld(t, func(s *relying.Party) {
		s.Clearance = func(context.Context, account.ID) (account.Clearance, error) { // between tokens and session
			told = w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())).Status
			return account.Cleared, nil
		}
	})
	b := relyingtest.NewBrowser(t)
	p := b.Open(w.url + "/")
	if p.Status != http.StatusBadRequest || told != http.StatusOK || len(w.sessions.All()) != 0 || b.Cookie(w.url, sessionCookie) != "" {
		t.Errorf("answered %d, the provider was told %d, %d sessions", p.Status, told, len(w.sessions.All()))
	}
	w.clock.Advance(time.Second)
	w.party.Clearance = nil
	w.signedIn()
}

func TestForgedTokensDoNotFetchKeysEachTime(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	before := w.issuer.Requests("/certs")
	for i := range 50 {
		claims := maps.Clone(w.issuer.LogoutClaims())
		w.tell(w.issuer.SignWith(stranger, "k"+string(rune('a'+i)), "logout+jwt", claims))
	}
	if n := w.issuer.Requests("/certs") - before; n > 1 {
		t.Errorf("the issuer's keys were fetched %d times", n)
	}
}

func TestBackchannelLogoutIsAtOnceHere(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.fetch(b, "/") // now it is in the cache
	if p := w.tell(w.issuer.Sign("logout+jwt", w.issuer.LogoutClaims())); p.Status != http.StatusOK {
		t.Fatalf("answered %d", p.Status)
	}
	if p := w.fetch(b, "/"); p.Status != http.StatusUnauthorized {
		t.Errorf("answered %d in the same second", p.Status)
	}
}
