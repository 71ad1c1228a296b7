package relyingtest

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// LogoutEvent is the event of a log-out token.
const LogoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutClaims are those that Keycloak writes to end the session of whoever
// signs in by default.
func (i *Issuer) LogoutClaims() map[string]any {
	now := i.Now().Unix()
	return map[string]any{
		"iss": i.URL, "aud": i.ClientID, "iat": now, "exp": now + 120, "jti": "j-1",
		"sub": "s-1", "sid": "sid-1", "typ": "Logout", "events": map[string]any{LogoutEvent: map[string]any{}},
	}
}

// Tell sends a log-out token as a provider does.
func Tell(t testing.TB, target, token string) Page {
	t.Helper()
	b := NewBrowser(t)
	form := url.Values{"logout_token": {token}}
	return b.Do(b.Request(http.MethodPost, target, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
}

// Burst asks for a path of a site n times at once, in turn at each of the
// addresses, and counts the statuses.
func (b *Browser) Burst(n int, target string, addresses ...string) map[int]int {
	b.t.Helper()
	client := &http.Client{Transport: Transport()}
	defer client.CloseIdleConnections()
	var requests []*http.Request
	for i := range n {
		req := b.Request(http.MethodGet, target, nil, "Accept", "*/*", "Sec-Fetch-Mode", "cors")
		at, err := url.Parse(addresses[i%len(addresses)] + "/")
		if err != nil {
			b.t.Fatal(err)
		}
		req.URL = at
		requests = append(requests, req)
	}
	statuses := map[int]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, req := range requests {
		group.Go(func() {
			resp, err := client.Do(req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.t.Error(err)
				return
			}
			resp.Body.Close()
			statuses[resp.StatusCode]++
		})
	}
	group.Wait()
	return statuses
}

// Eventually waits for what happens beside the test.
func Eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 5 s")
		}
		<-time.After(2 * time.Millisecond)
	}
}
