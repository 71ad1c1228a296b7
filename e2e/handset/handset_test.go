package handset_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/handset"
)

const origin = "http://127.0.0.1:18003"

func send(t *testing.T, h http.Handler, method, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, origin+target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// newPhones knows a realm that answers every code with a token.
func newPhones(t *testing.T) http.Handler {
	t.Helper()
	realm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"access_token":"the-token"}`))
	}))
	t.Cleanup(realm.Close)
	return handset.New(handset.Settings{Issuer: realm.URL, Base: realm.URL + "/device", URL: origin, HTTP: realm.Client()})
}

func TestALoginEndsInTheBrowserThatBeganIt(t *testing.T) {
	h := newPhones(t)
	begun := send(t, h, "POST", handset.Path+"/login", nil)
	to, err := url.Parse(begun.Header().Get("Location"))
	if err != nil || to.Query().Get("acr_values") != "urn:schleuse:enrol" || to.Query().Get("redirect_uri") != origin+handset.Callback {
		t.Fatalf("a login begins at %s, %v", to, err)
	}
	cookie := begun.Result().Cookies()[0]
	back := handset.Callback + "?code=c&state=" + to.Query().Get("state")
	own := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	cases := []struct {
		name, target string
		headers      []string
		status       int
	}{
		{"another browser", back, nil, http.StatusBadRequest},
		{"another state", back + "x", own, http.StatusBadRequest},
		{"no code", handset.Callback + "?error=access_denied&state=" + to.Query().Get("state"), own, http.StatusBadRequest},
		{"as begun", back, own, http.StatusSeeOther},
		{"again", back, own, http.StatusBadRequest},
	}
	for _, c := range cases {
		if got := send(t, h, "GET", c.target, nil, c.headers...); got.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, got.Code, c.status, got.Body)
		}
	}
	for _, headers := range [][]string{own, nil} {
		page := send(t, h, "GET", handset.Path, nil, headers...).Body.String()
		if got, want := strings.Contains(page, "the-token"), headers != nil; got != want {
			t.Errorf("the page shows the token: %t, want %t", got, want)
		}
	}
}

func TestWhoHasNoPhoneAnswersNothing(t *testing.T) {
	h := newPhones(t)
	if got := send(t, h, "POST", handset.Path+"/answer", url.Values{"id": {"a"}}); got.Code != http.StatusConflict {
		t.Errorf("an answer without a phone: %d", got.Code)
	}
	if got := send(t, h, "POST", handset.Path+"/answer", nil, "Sec-Fetch-Site", "cross-site"); got.Code != http.StatusForbidden {
		t.Errorf("an answer from another site: %d", got.Code)
	}
}
