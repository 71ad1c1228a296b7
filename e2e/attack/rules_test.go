package attack_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// TestRule05RequestRule: the identity cookie of somebody not cleared stays
// here, except where a login ends.
func TestRule05RequestRule(t *testing.T) {
	s := newScene(t, "attack-web")
	before := s.past()
	target, _ := before.begin(nil)
	before.login(target)
	s.bring(before, "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION")
	target, _ = s.begin(url.Values{"prompt": {"none"}})
	if page := s.get(target); page.Query("error") != "login_required" {
		t.Errorf("prompt=none: %q", page.Query("error"))
	}
	target, _ = s.begin(nil)
	if _, err := s.get(target).Form("number"); err != nil {
		t.Error(err)
	}
	for _, u := range here.tap.of(s.agent()) {
		if cookies := u.Header.Get("Cookie"); strings.Contains(cookies, "KEYCLOAK_IDENTITY=") || strings.Contains(cookies, "KEYCLOAK_SESSION=") {
			t.Errorf("went to Keycloak with %s", u.Target)
		}
	}
	s.gotNothing()
	page := s.get(realm() + "/protocol/openid-connect/logout")
	if forms := page.Forms(); len(forms) > 0 {
		s.submit(forms[len(forms)-1], url.Values{"confirmLogout": {"Ja"}})
	}
	if n := s.sessions(); n != 0 {
		t.Errorf("after the log-out %d sessions live%s", n, s.recorder.trail())
	}
}

// gotNothing is ownsNothing for a browser that brought a cookie itself.
func (s *scene) gotNothing() {
	s.Helper()
	for _, leak := range s.recorder.leaks() {
		s.Errorf("%s%s", leak, s.recorder.trail())
	}
}

// TestRule06ResponseRule: the cookie in the answer says who it is, not the
// path, the status, nor what the browser sent.
func TestRule06ResponseRule(t *testing.T) {
	login := func(s *scene) string { return "KEYCLOAK_IDENTITY=" + s.pastIdentity() + "; Path=/realms/angriff/" }
	t.Run("any path and status", func(t *testing.T) {
		s := newScene(t, "attack-web")
		cookie := login(s)
		for _, path := range []string{"/.well-known/openid-configuration", "/protocol/openid-connect/certs", "/protocol/openid-connect/userinfo", "", "/protocol/openid-connect/3p-cookies/step1.html"} {
			for _, status := range []int{200, 302, 401, 500} {
				s.at(here.doors.Gate(), "attack-web")
				here.tap.bendFor(s.agent(), func(r *http.Response) {
					r.StatusCode = status
					r.Header.Add("Set-Cookie", cookie)
				})
				s.get(realm() + path)
				s.ownsNothing()
			}
		}
	})
	t.Run("two people in one answer", func(t *testing.T) {
		s, other := newScene(t, "attack-web", "identified"), newScene(t, "attack-web")
		cookie := login(other)
		here.tap.bendFor(s.agent(), func(r *http.Response) {
			if strings.Contains(strings.Join(r.Header["Set-Cookie"], "\n"), "KEYCLOAK_IDENTITY=ey") {
				r.Header.Add("Set-Cookie", cookie)
			}
		})
		target, _ := s.begin(nil)
		page := s.login(target)
		s.ownsNothing()
		if page.Status != http.StatusBadGateway || s.sessions() != 0 || other.sessions() != 0 {
			t.Errorf("%d; %d and %d sessions live", page.Status, s.sessions(), other.sessions())
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		s := newScene(t, "attack-web", "identified")
		here.tap.bendFor(s.agent(), func(r *http.Response) {
			for i, line := range r.Header["Set-Cookie"] {
				if strings.HasPrefix(line, "KEYCLOAK_IDENTITY=ey") {
					r.Header["Set-Cookie"][i] = "KEYCLOAK_IDENTITY=junk; Path=/realms/angriff/"
				}
			}
		})
		for _, kind := range []string{"code", "none"} { // without a code nothing else would notice
			target, _ := s.begin(url.Values{"response_type": {kind}})
			if page := s.login(target); page.Status != http.StatusBadGateway {
				t.Errorf("%s: %d", kind, page.Status)
			}
			s.ownsNothing()
		}
	})
	t.Run("a cleared person's cookie beside another's login", func(t *testing.T) {
		cleared := newScene(t, "attack-consent", "identified")
		s := newScene(t, "attack-consent")
		target, _ := s.begin(nil)
		page := s.login(target) // to the page of consent
		s.plant("KEYCLOAK_IDENTITY", cleared.pastIdentity())
		s.agree(page)
		s.gotNothing()
	})
}

// pastIdentity signs the person in without the gate and returns their cookie.
func (s *scene) pastIdentity() string {
	s.Helper()
	before := s.past()
	before.at(here.Ports.Keycloak(), "attack-web")
	target, _ := before.begin(nil)
	before.login(target)
	value, ok := before.v.Cookie(realm()+"/", "KEYCLOAK_IDENTITY")
	if !ok {
		s.Fatal("no login past the gate")
	}
	return value
}

func (s *scene) plant(name, value string) {
	s.Helper()
	if err := s.v.SetCookie(realm()+"/", name, value); err != nil {
		s.Fatal(err)
	}
}

// TestRule07Belt: a code that comes without the cookie does not leave.
func TestRule07Belt(t *testing.T) {
	for _, mode := range []string{"query", "fragment", "form_post", "jwt", "form_post.jwt"} {
		t.Run(mode, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			here.tap.bendFor(s.agent(), func(r *http.Response) {
				kept := r.Header["Set-Cookie"][:0:0]
				for _, line := range r.Header["Set-Cookie"] {
					if !strings.HasPrefix(line, "KEYCLOAK_") {
						kept = append(kept, line)
					}
				}
				r.Header["Set-Cookie"] = kept
			})
			target, _ := s.begin(url.Values{"response_mode": {mode}})
			if page := s.login(target); page.Status != http.StatusBadGateway {
				t.Errorf("%d at %s", page.Status, page.URL.Path)
			}
			s.ownsNothing()
		})
	}
}

// attempt walks an uncleared person to the gate's step.
func (s *scene) attempt() (*visitor.Page, *verifier) {
	s.Helper()
	target, v := s.begin(nil)
	page := s.login(target)
	if !held(page) {
		s.Fatalf("not held: %s (%d)", page.URL.Path, page.Status)
	}
	return page, v
}

// TestRule08OnlyTheBrowserItself: the attempt's address opens nothing, nor
// does its cookie under another name.
func TestRule08OnlyTheBrowserItself(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	tag := strings.TrimPrefix(page.URL.Path, "/schleuse/attempts/")
	secret, ok := s.v.Cookie(here.Ports.GateURL()+"/", "__Host-schleuse-"+tag)
	if !ok {
		t.Fatal("the attempt has no cookie")
	}
	thief := newScene(t, "attack-web")
	for _, cookie := range []string{"", "__Host-schleuse-0123456789abcdef=" + secret, "__Host-schleuse-" + tag + "=" + secret[:len(secret)-1] + "A", "__Host-schleuse-" + tag + "=" + secret + "; __Host-schleuse-" + tag + "=" + secret} {
		for _, end := range []string{"", "/ways", "/done", "/release"} {
			for _, method := range []string{"GET", "POST"} {
				status, header, body := ask(t, method+" "+page.URL.Path+end, "Cookie: "+cookie, "Content-Type: application/x-www-form-urlencoded", "Content-Length: 0", "Sec-Fetch-Site: same-origin")
				if status < 400 || status >= 500 || len(header["Set-Cookie"]) > 0 || strings.Contains(body, "digits") {
					t.Errorf("%s %s with %.40q: %d", method, end, cookie, status)
				}
			}
		}
	}
	thief.ownsNothing()
	if page = s.digits(page); page.Query("code") == "" {
		t.Errorf("and the owner: %s (%d)", page.URL.Path, page.Status)
	}
}

// TestRule08EightRightAnswersAtOnce: one code leaves, whatever the race.
func TestRule08EightRightAnswersAtOnce(t *testing.T) {
	s := newScene(t, "attack-web")
	page, v := s.attempt()
	form := s.form(page, "digits")
	form.Fields.Set("digits", digits)
	codes := at8(func(browser *visitor.Visitor) string {
		page, err := browser.Post(t.Context(), form.Action, form.Fields)
		if err == nil {
			page, err = browser.Follow(t.Context(), page, redirectURI)
		}
		if err != nil || page.Query("code") == "" {
			return ""
		}
		return page.Query("code")
	}, s)
	good := 0
	for _, code := range distinct(codes) {
		if tokens, err := s.app.Redeem(t.Context(), code, v.secret); err == nil && tokens.AccessToken != "" {
			good++
		}
	}
	if len(distinct(codes)) == 0 || good == 0 {
		t.Errorf("nobody came through: %q", codes)
	}
	releases := 0
	for _, u := range here.tap.of(s.agent()) {
		if u.Method == http.MethodPost && strings.Contains(u.Target, "login-actions/authenticate") {
			releases++
		}
	}
	if releases != 1 {
		t.Errorf("%d passwords went to Keycloak, want 1", releases)
	}
}

// TestRule08EightReleasesAtOnce: of eight requests for what is held one gets
// the code that was held.
func TestRule08EightReleasesAtOnce(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	form := s.form(page, "digits")
	form.Fields.Set("digits", digits)
	answered, err := s.v.Post(t.Context(), form.Action, form.Fields)
	if err != nil || answered.Status != http.StatusSeeOther {
		t.Fatal(answered.Status, err)
	}
	release := here.Ports.GateURL() + page.URL.Path + "/release"
	codes := at8(func(browser *visitor.Visitor) string {
		page, err := browser.Get(t.Context(), release)
		if err != nil || !toClient.MatchString(page.Header.Get("Location")) {
			return ""
		}
		return page.Header.Get("Location")
	}, s)
	if got := distinct(codes); len(got) != 1 || count(codes, got[0]) != 1 {
		t.Errorf("released: %d, want 1", len(codes)-count(codes, ""))
	}
}

func at8(do func(browser *visitor.Visitor) string, s *scene) []string {
	out := make([]string, 8)
	var wait sync.WaitGroup
	for i := range out {
		browser := s.v.Clone()
		wait.Go(func() { out[i] = do(browser) })
	}
	wait.Wait()
	return out
}

func distinct(all []string) []string {
	var out []string
	for _, x := range all {
		if x != "" && count(out, x) == 0 {
			out = append(out, x)
		}
	}
	return out
}

func count(all []string, one string) int {
	n := 0
	for _, x := range all {
		if x == one {
			n++
		}
	}
	return n
}

// TestRule08EightWrongAnswersAtOnce: three tries are three, however fast.
func TestRule08EightWrongAnswersAtOnce(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	form := s.form(page, "digits")
	guesses := []string{"0001", "0002", "0003", "0004", "0005", "0006", "0007", digits}
	var next sync.Mutex
	i := 0
	at8(func(browser *visitor.Visitor) string {
		next.Lock()
		fields := url.Values{"schleuse_step": form.Fields["schleuse_step"], "digits": {guesses[i]}}
		for name, values := range form.Fields {
			if name != "digits" {
				fields[name] = values
			}
		}
		i++
		next.Unlock()
		browser.Post(t.Context(), form.Action, fields)
		return ""
	}, s)
	for _, guess := range []string{"0008", "0009", "0010"} {
		s.v.Post(t.Context(), form.Action, url.Values{"schleuse_step": form.Fields["schleuse_step"], "digits": {guess}})
	}
	page = s.get(here.Ports.GateURL() + page.URL.Path)
	if strings.Contains(string(page.Body), `name="digits"`) {
		t.Error("digits are still asked after eleven tries")
	}
}

// TestRule08ADeadSessionReleasesNothing: the session ends while its answer is
// held.
func TestRule08ADeadSessionReleasesNothing(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	s.admin(http.MethodPost, "users/"+s.person.ID+"/logout", nil, nil)
	s.digits(page)
	s.ownsNothing()
}

// TestRule08AHeldAnswerThatIsTooLarge ends the session.
func TestRule08AHeldAnswerThatIsTooLarge(t *testing.T) {
	s := newScene(t, "attack-web")
	here.tap.bendFor(s.agent(), func(r *http.Response) {
		if signedInAs(r.Header) != "" {
			body := bytes.Repeat([]byte("x"), 70<<10)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", fmt.Sprint(len(body)))
		}
	})
	target, _ := s.begin(nil)
	if page := s.login(target); page.Status != http.StatusBadGateway {
		t.Errorf("%d", page.Status)
	}
	s.ownsNothing()
	if n := s.sessions(); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}

// TestRule11WhoComesAgain: a second release signs in without the code, and
// the request is asked again, with nothing to type.
func TestRule11WhoComesAgain(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	release := here.Ports.GateURL() + page.URL.Path + "/release"
	first := s.digits(page).Query("code")
	s.v.DropCookies("KEYCLOAK_IDENTITY")
	page, err := s.v.Get(t.Context(), release)
	if err != nil {
		t.Fatal(err)
	}
	if toClient.MatchString(page.Header.Get("Location")) || signedInAs(page.Header) != s.person.ID {
		t.Errorf("%d to %s", page.Status, page.Header.Get("Location"))
	}
	page, err = s.v.Follow(t.Context(), page, redirectURI)
	if err != nil || page.Query("code") == "" || page.Query("code") == first {
		t.Errorf("%v, code %q", err, page.Query("code"))
	}
}

// TestRule15FailingEndsTheSession: three wrong answers end the login, and the
// code that was held buys nothing.
func TestRule15FailingEndsTheSession(t *testing.T) {
	s := newScene(t, "attack-web")
	page, _ := s.attempt()
	for _, wrong := range []string{"0000", "0001", "0002", "0003"} {
		if form, err := page.Form("digits"); err == nil {
			page = s.submit(form, url.Values{"digits": {wrong}})
		}
	}
	s.ownsNothing()
	if n := s.sessions(); n != 0 {
		t.Errorf("%d sessions live; %s", n, page.Text())
	}
	page = s.get(here.Ports.GateURL() + page.URL.Path)
	if _, err := page.Form("digits"); err == nil {
		t.Error("digits are asked again")
	}
}

// TestRule16BehindTheGate: whoever got past it has a token that opens no API.
func TestRule16BehindTheGate(t *testing.T) {
	s := newScene(t, "attack-web").past()
	s.admin(http.MethodGet, "clients?clientId=webcenter", nil, &[]any{})
	s.app.ID, s.app.Secret, s.app.RedirectURI = "webcenter", "webcenter-demo-secret", here.Ports.SiteURL()+"/schleuse/callback"
	request := s.app.Begin(nil)
	page, err := s.v.Open(t.Context(), request.URL, s.app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	form := s.form(page, "password")
	page, err = s.v.Submit(t.Context(), form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}}, s.app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := s.app.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Fatalf("%+v %v", tokens, err)
	}
	claims, err := visitor.Claims(tokens.AccessToken)
	if err != nil || strings.Contains(fmt.Sprint(claims["aud"]), "kasse-apis") {
		t.Errorf("aud %v, %v", claims["aud"], err)
	}
}

// TestRule17Streams: what is not a login and not read arrives as it comes.
func TestRule17Streams(t *testing.T) {
	s := newScene(t, "attack-web")
	rest := make(chan struct{})
	here.tap.bendFor(s.agent(), func(r *http.Response) {
		reader, writer := io.Pipe()
		r.Body, r.ContentLength = reader, -1
		r.Header.Del("Content-Length")
		go func() {
			io.WriteString(writer, "first ")
			<-rest
			io.WriteString(writer, "second")
			writer.Close()
		}()
	})
	client := &http.Client{Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+local(here.doors.Gate())+"/realms/angriff/protocol/openid-connect/certs", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = gateHost()
	request.Header.Set("User-Agent", s.agent())
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "first " {
		t.Fatalf("%q %v", first, err)
	}
	close(rest)
	if second, err := io.ReadAll(response.Body); err != nil || string(second) != "second" {
		t.Errorf("%q %v", second, err)
	}
}
