package attack_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// way is one way in which a login comes into being or is renewed: a row of
// the table "path → who creates the login".
type way struct {
	name    string
	client  string
	prepare func(s *scene)                            // what the account has beforehand
	run     func(s *scene) (*visitor.Page, *verifier) // to where it comes to rest
	enrols  bool                                      // Keycloak itself demands that an authenticator be enrolled
}

// verifier is the client's proof for the code.
type verifier struct{ secret string }

func (s *scene) begin(extra url.Values) (string, *verifier) {
	request := s.app.Begin(extra)
	return request.URL, &verifier{request.Verifier}
}

func byPassword(extra url.Values) func(s *scene) (*visitor.Page, *verifier) {
	return func(s *scene) (*visitor.Page, *verifier) {
		target, v := s.begin(extra)
		return s.login(target), v
	}
}

// requires makes Keycloak demand actions of the person.
func requires(actions ...string) func(s *scene) {
	return func(s *scene) {
		s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"requiredActions": actions}, nil)
	}
}

func ways() []way {
	return []way{
		{name: "auth: password", client: "attack-web", run: byPassword(nil)},
		{name: "auth: plain client", client: "attack-plain", run: byPassword(nil)},
		{name: "auth: POST", client: "attack-web", run: byPost},
		{name: "auth: HEAD first", client: "attack-web", run: byHead},
		{name: "auth: prompt=login", client: "attack-web", run: byPassword(url.Values{"prompt": {"login"}})},
		{name: "auth: max_age=0", client: "attack-web", run: byPassword(url.Values{"max_age": {"0"}})},
		{name: "auth: prompt=consent", client: "attack-consent", run: byConsent(url.Values{"prompt": {"consent"}})},
		{name: "auth: prompt=create is a login", client: "attack-web", run: byPassword(url.Values{"prompt": {"create"}})},
		{name: "auth: login_hint of somebody else", client: "attack-web", run: byPassword(url.Values{"login_hint": {"h202601057"}})},
		{name: "auth: offline_access", client: "attack-web", run: byPassword(url.Values{"scope": {"openid offline_access"}})},
		{name: "login-actions/authenticate: POST of a second factor", client: "attack-web", prepare: withOTP, run: byOTP},
		{name: "login-actions/authenticate: GET after PAR", client: "attack-par", run: byPAR},
		{name: "PAR where a client need not", client: "attack-web", run: byPAR},
		{name: "signed request object", client: "attack-web", run: byObject},
		{name: "login-actions/required-action: new password", client: "attack-web", prepare: requires("UPDATE_PASSWORD"), run: byNewPassword},
		{name: "login-actions/required-action: profile", client: "attack-web", prepare: requires("UPDATE_PROFILE"), run: byProfile},
		{name: "login-actions/required-action: OTP, demanded", client: "attack-web", prepare: requires("CONFIGURE_TOTP"), run: byDemandedOTP, enrols: true},
		{name: "login-actions/consent", client: "attack-consent", run: byConsent(nil)},
		{name: "broker: known account", client: "attack-web", prepare: withBroker, run: byBroker, enrols: true},
		{name: "login-actions/action-token: mail address proven", client: "attack-web", prepare: unproven, run: byProvenMail},
		{name: "broker: known account, plain client", client: "attack-plain", prepare: withBroker, run: byBroker, enrols: true},
	}
}

// TestEveryWayIsHeldForWhoIsNotCleared walks each way to its end: the gate's
// own step stands there, nothing was leaked, and nothing enrolled that
// Keycloak did not demand.
func TestEveryWayIsHeldForWhoIsNotCleared(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			s := newScene(t, w.client)
			if w.prepare != nil {
				w.prepare(s)
			}
			before := s.enrolled()
			page, _ := w.run(s)
			s.ownsNothing()
			if !held(page) {
				t.Errorf("rests at %s (%d), want the gate's step: %s%s", page.URL.Path, page.Status, page.Text(), s.recorder.trail())
			}
			if after := s.enrolled(); len(after) != len(before) && !w.enrols {
				t.Errorf("enrolled %v, before %v", after, before)
			}
		})
	}
}

// TestEveryWayIsOpenForWhoIsCleared walks the same ways: there is a code, and
// it buys tokens.
func TestEveryWayIsOpenForWhoIsCleared(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			s := newScene(t, w.client, "identified")
			if w.prepare != nil {
				w.prepare(s)
			}
			page, v := w.run(s)
			if page.Query("code") == "" {
				t.Fatalf("no code, rests at %s (%d): %s%s", page.URL.Path, page.Status, page.Text(), s.recorder.trail())
			}
			if tokens := s.redeem(page, v.secret); tokens.AccessToken == "" {
				t.Errorf("the code is not good: %+v", tokens)
			}
		})
	}
}

// TestWhoIsHeldGoesOnAfterTheCard shows that what was held is the real thing.
func TestWhoIsHeldGoesOnAfterTheCard(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			s := newScene(t, w.client)
			if w.prepare != nil {
				w.prepare(s)
			}
			page, v := w.run(s)
			page = s.review(s.digits(page))
			if tokens := s.redeem(page, v.secret); tokens.AccessToken == "" {
				t.Errorf("the code is not good: %+v; rests at %s (%d): %s%s", tokens, page.URL.Path, page.Status, page.Text(), s.recorder.trail())
			}
		})
	}
}

// review passes the page on which means of signing in are looked at, where
// there is one, and keeps nothing.
func (s *scene) review(page *visitor.Page) *visitor.Page {
	s.Helper()
	if !held(page) {
		return page
	}
	form := s.form(page, "schleuse_step")
	form.Fields.Del("keep")
	return s.submit(form, nil)
}

func byPost(s *scene) (*visitor.Page, *verifier) {
	target, v := s.begin(nil)
	path, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		s.Fatal(err)
	}
	page, err := s.v.Post(s.Context(), path, values)
	if err != nil {
		s.Fatal(err)
	}
	return s.password(page), v
}

func byHead(s *scene) (*visitor.Page, *verifier) {
	target, v := s.begin(nil)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodHead, target, nil)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.v.Do(request); err != nil {
		s.Fatal(err)
	}
	return s.login(target), v
}

// byConsent signs in and agrees to what the client asks for.
func byConsent(extra url.Values) func(s *scene) (*visitor.Page, *verifier) {
	return func(s *scene) (*visitor.Page, *verifier) {
		page, v := byPassword(extra)(s)
		return s.agree(page), v
	}
}

// agree answers Keycloak's page of consent, which must be there.
func (s *scene) agree(page *visitor.Page) *visitor.Page {
	s.Helper()
	form := s.form(page, "code")
	form.Fields.Set("accept", "yes")
	form.Fields.Del("cancel")
	return s.submit(form, nil)
}

const otpSecret = "geheimes-handy-12345"

func withOTP(s *scene) {
	s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"credentials": []any{otpCredential(otpSecret)}}, nil)
}

func byOTP(s *scene) (*visitor.Page, *verifier) {
	page, v := byPassword(nil)(s)
	return s.submit(s.form(page, "otp"), url.Values{"otp": {totp([]byte(otpSecret), time.Now())}}), v
}

func byPAR(s *scene) (*visitor.Page, *verifier) {
	target, v := s.begin(nil)
	return s.login(s.push(target)), v
}

// push sends the parameters of a request ahead and returns the address that
// stands for them.
func (s *scene) push(target string) string {
	s.Helper()
	u, err := url.Parse(target)
	if err != nil {
		s.Fatal(err)
	}
	var answer struct {
		RequestURI string `json:"request_uri"`
		Error      string `json:"error_description"`
	}
	status, err := s.app.PostJSON(s.Context(), "ext/par/request", u.Query(), &answer)
	if err != nil || status != http.StatusCreated {
		s.Fatalf("pushing: %d %s %v", status, answer.Error, err)
	}
	u.RawQuery = url.Values{"client_id": {s.app.ID}, "request_uri": {answer.RequestURI}}.Encode()
	return u.String()
}

func byObject(s *scene) (*visitor.Page, *verifier) {
	target, v := s.begin(nil)
	return s.login(s.sign(target)), v
}

// sign puts the parameters of a request into a request object signed with the
// client's secret.
func (s *scene) sign(target string) string {
	s.Helper()
	u, err := url.Parse(target)
	if err != nil {
		s.Fatal(err)
	}
	claims := map[string]any{"iss": s.app.ID, "aud": realm(), "exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Add(-time.Minute).Unix(), "iat": time.Now().Unix()}
	for name, values := range u.Query() {
		claims[name] = values[0]
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(clientSecret)}, nil)
	if err != nil {
		s.Fatal(err)
	}
	object, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		s.Fatal(err)
	}
	u.RawQuery = url.Values{
		"client_id": {s.app.ID}, "request": {object}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {redirectURI},
	}.Encode()
	return u.String()
}

func byNewPassword(s *scene) (*visitor.Page, *verifier) {
	page, v := byPassword(nil)(s)
	form := s.form(page, "password-new")
	return s.submit(form, url.Values{"password-new": {s.person.Password + "x"}, "password-confirm": {s.person.Password + "x"}}), v
}

func byProfile(s *scene) (*visitor.Page, *verifier) {
	page, v := byPassword(nil)(s)
	return s.submit(s.form(page, "firstName"), nil), v
}

func byDemandedOTP(s *scene) (*visitor.Page, *verifier) {
	page, v := byPassword(nil)(s)
	form := s.form(page, "totp")
	secret := form.Fields.Get("totpSecret")
	return s.submit(form, url.Values{"totp": {totp([]byte(secret), time.Now())}, "userLabel": {"Handy"}}), v
}

// withBroker links the account to one of the foreign issuer's.
func withBroker(s *scene) {
	name := strings.ToLower(s.person.Number)
	s.admin(http.MethodPost, "users/"+s.person.ID+"/federated-identity/fremd",
		map[string]any{"identityProvider": "fremd", "userId": "foreign-" + name, "userName": name}, nil)
}

func byBroker(s *scene) (*visitor.Page, *verifier) {
	target, v := s.begin(url.Values{"kc_idp_hint": {"fremd"}})
	page := s.get(target)
	if form, err := page.Form("number"); err == nil {
		page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
	}
	return s.submit(s.form(page, "name"), url.Values{"name": {strings.ToLower(s.person.Number)}}), v
}
