package gate_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

const demanded = realmPath + "/login-actions/required-action"

// waiting is somebody who has shown a password and waits at an action that
// Keycloak demands. act sends that action's form.
type waiting struct {
	*browser
	page  string            // the action's address
	tab   string            // its tab_id
	stale map[string]string // its cookies before the secret
}

func waits(t *testing.T, w *world, page response, b *browser, username string) waiting {
	t.Helper()
	w.keycloak.demand(username)
	to := b.password(page, username, "pw-a123456780").location()
	u, err := url.Parse(to)
	if err != nil || u.Path != demanded {
		t.Fatalf("no action is demanded: %q, %v", to, err)
	}
	b.get(to).want(http.StatusOK)
	return waiting{b, to, u.Query().Get("tab_id"), nil}
}

func (b waiting) act() response {
	return b.post(b.page, url.Values{"password-new": {"the thief's own"}})
}

// acted reports how often a form of a demanded action reached Keycloak.
func (w *world) acted() int {
	w.keycloak.mu.Lock()
	defer w.keycloak.mu.Unlock()
	n := 0
	for _, r := range w.keycloak.seen {
		if r.Method == http.MethodPost && r.URL.Path == demanded {
			n++
		}
	}
	return n
}

// owner proves to be the owner of a123456780 and signs in, a while later.
func (w *world) owner() {
	w.t.Helper()
	w.keycloak.undemand("a123456780")
	w.clock.Pass(time.Minute)
	b := w.browser()
	held := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780")
	step := b.get(held.location()).want(http.StatusOK)
	b.answer(step, "digits", "0042")
	if got, err := w.keycloak.Clearance(w.t.Context(), "id-a123456780"); got != account.Cleared || err != nil {
		w.t.Fatalf("the owner is not cleared: %v, %v", got, err)
	}
	w.clock.Pass(time.Minute)
}

// waiter is a way by which somebody with a secret of a123456780 comes to a
// demanded action.
type waiter struct {
	client  string
	staff   bool            // by the entry for staff
	number  string          // typed on the number page, where there is one
	secret  url.Values      // shown on Keycloak's page
	before  func(b waiting) // done while nothing has changed,
	after   func(b waiting) // and when the owner has come
	never   bool            // whose it is cannot be told: they begin anew
	arrange func(w *world)
}

func (c waiter) waits(w *world) waiting {
	w.t.Helper()
	if c.arrange != nil {
		c.arrange(w)
	}
	w.keycloak.demand("a123456780")
	b := w.browser()
	target := authURL(c.client)
	var page response
	switch {
	case c.staff:
		page = b.get(b.get(target + "&schleuse_staff=1").location())
	case c.number != "":
		page = b.typeNumber(target, c.number)
	default:
		page = b.get(target)
	}
	stale := maps.Clone(b.cookies)
	out := b.post(page.action(), c.secret)
	if out.Code == http.StatusOK {
		out = b.post(out.action(), url.Values{"otp": {"123456"}})
	}
	to := out.location()
	u, err := url.Parse(to)
	if err != nil || u.Path != demanded {
		w.t.Fatalf("no action is demanded: %q, %v", to, err)
	}
	b.get(to).want(http.StatusOK)
	return waiting{b, to, u.Query().Get("tab_id"), stale}
}

func typing(name string) url.Values {
	return url.Values{"username": {name}, "password": {"pw-a123456780"}}
}

// passkey is one of a123456780, whatever number was typed.
func passkey() url.Values {
	return url.Values{"userHandle": {handle("a123456780")}, "authenticatorData": {"x"}, "signature": {"x"}}
}

func handle(username string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("id-" + username))
}

// waiters are all that are known.
func waiters() map[string]waiter {
	typed := waiter{client: "app", number: "a123456780", secret: typing("a123456780")}
	plain := waiter{client: "partner", secret: typing("a123456780")}
	edit := func(c waiter, f func(*waiter)) waiter { f(&c); return c }
	mail := func(w *world) { w.keycloak.alias("anna@kasse.example", "a123456780") }
	otp := func(w *world) { w.keycloak.people["a123456780"].otp = true }
	return map[string]waiter{
		"as it is":                         typed,
		"without the cookie":               edit(typed, func(c *waiter) { c.after = func(b waiting) { delete(b.cookies, "__Host-schleuse-number") } }),
		"with the number again":            edit(typed, func(c *waiter) { c.after = func(b waiting) { b.retype("a123456780") } }),
		"under another number":             edit(typed, func(c *waiter) { c.after = func(b waiting) { b.retype("h202601057") } }),
		"by an older page":                 edit(typed, func(c *waiter) { c.after = func(b waiting) { b.retypeBeside("h202601057") } }),
		"by a passkey, another number":     edit(typed, func(c *waiter) { c.number, c.secret, c.never = "h202601057", passkey(), true }),
		"by a second means":                edit(typed, func(c *waiter) { c.arrange = otp }),
		"by the entry for staff":           {client: "app", staff: true, secret: typing("a123456780")},
		"by it, with a second means":       {client: "app", staff: true, secret: typing("a123456780"), arrange: otp},
		"plain client":                     plain,
		"plain, as another name later":     edit(plain, func(c *waiter) { c.never, c.before = true, func(b waiting) { b.rename("h202601057") } }),
		"plain, as another name at last":   edit(plain, func(c *waiter) { c.after = func(b waiting) { b.rename("h202601057") } }),
		"plain, with the cookie of before": edit(plain, func(c *waiter) { c.after = func(b waiting) { maps.Copy(b.cookies, b.stale) } }),
		"plain, by mail":                   {client: "partner", secret: typing("Anna@kasse.example"), arrange: mail},
		"plain, by a passkey":              {client: "partner", secret: passkey()},
		"plain, with a second means":       edit(plain, func(c *waiter) { c.arrange = otp }),
	}
}

// TestWhoWaitsIsOvertaken: somebody with a secret waits at an action until the
// account has become its owner's. Nothing of what they send then reaches
// Keycloak, which would not look again. As long as nothing has changed they go
// on, as everybody does: they may be the owner.
func TestWhoWaitsIsOvertaken(t *testing.T) {
	for name, c := range waiters() {
		for _, owned := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ": goes on", true: ""}[owned], func(t *testing.T) {
				w := newWorld(t, func(g *gate.Gate) { g.Settings.StaffEntry = true })
				thief := c.waits(w)
				want := 1
				if c.never {
					want = 0
				}
				if c.before != nil {
					c.before(thief)
				}
				if owned {
					w.keycloak.people["a123456780"].otp = false
					want = 0
					w.owner()
					if c.after != nil {
						c.after(thief)
					}
				}
				got := thief.act()
				if w.acted() != want || owned && got.Code == http.StatusOK {
					t.Errorf("status %d, and the form reached Keycloak %d times", got.Code, w.acted())
				}
			})
		}
	}
}

// TestWhoIsDemandedAnActionDoesIt: what Keycloak demands is done in one go,
// also when the page is loaded again, and ends where it should.
func TestWhoIsDemandedAnActionDoesIt(t *testing.T) {
	cases := waiters()
	for name, username := range map[string]string{"as it is": "", "by a second means": "", "plain client": "", "plain, by mail": "", "by the entry for staff": "s.schmidt", "by it, with a second means": "s.schmidt"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(g *gate.Gate) { g.Settings.StaffEntry = true })
			c := cases[name]
			if username != "" {
				w.keycloak.demand(username)
				c.secret = url.Values{"username": {username}, "password": {"pw-" + username}}
			}
			b := c.waits(w)
			w.clock.Pass(50 * time.Minute)
			b.get(b.page).want(http.StatusOK)
			out := b.act()
			if held := strings.HasPrefix(out.location(), "/schleuse/attempts/"); held == (username != "") {
				t.Fatalf("leads to %s", out.location())
			}
			if username != "" && codeOf(out) == "" {
				t.Error("no code")
			}
		})
	}
}

// TestATabIsOnePersons: who types another number for a tab that has one begins
// again with the original request.
func TestATabIsOnePersons(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	kept := thief.cookies["__Host-schleuse-number"]
	delete(thief.cookies, "__Host-schleuse-number")
	page := thief.post(realmPath+"/login-actions/authenticate?client_id=app&tab_id="+thief.tab, url.Values{"password": {"x"}})
	for number, want := range map[string]string{"h202601057": oidcPath + "/auth?", "a123456780": realmPath + "/login-actions/authenticate?"} {
		thief.cookies["__Host-schleuse-number"] = kept
		got := thief.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {number}})
		if !strings.HasPrefix(got.location(), want) {
			t.Errorf("%s leads to %s", number, got.location())
		}
	}
}

// TestOthersAreNoMatter: where it is known who waits, it overtakes nobody that
// somebody else gets their account.
func TestOthersAreNoMatter(t *testing.T) {
	for _, name := range []string{"as it is", "by a second means", "plain, by mail", "plain, by a passkey", "plain, with a second means"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := waiters()[name].waits(w)
			w.clock.Pass(time.Minute)
			at := []byte(`{"At":"` + w.clock.Now().Format(time.RFC3339Nano) + `"}`)
			for _, key := range []string{"anybody", "B123456782"} {
				if err := w.changes.Put(t.Context(), key, 0, at, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			if b.act(); w.acted() != 1 {
				t.Errorf("%d forms reached Keycloak", w.acted())
			}
		})
	}
}

// TestOfTwoWhoWaitOneActs: two people have one posted password. The first to
// choose another has the account, before they are asked for the card.
func TestOfTwoWhoWaitOneActs(t *testing.T) {
	w := newWorld(t)
	c := waiters()["as it is"]
	thief, owner := c.waits(w), c.waits(w)
	w.clock.Pass(time.Minute)
	held := owner.post(owner.page, url.Values{"password-new": {"the owner's own"}})
	w.clock.Pass(time.Minute)
	if thief.act(); w.acted() != 1 || w.keycloak.people["a123456780"].password != "the owner's own" {
		t.Errorf("%d forms reached Keycloak", w.acted())
	}
	w.clock.Pass(time.Minute)
	done := owner.answer(owner.get(held.location()).want(http.StatusOK), "digits", "0042").location()
	if out := owner.get(strings.TrimSuffix(done, "done") + "release").want(http.StatusFound); codeOf(out) == "" {
		t.Error("the owner gets no code")
	}
}

// TestWhoWaitsForHoursBeginsAnew: what was written down of the tab is over, and
// so may be what has overtaken it.
func TestWhoWaitsForHoursBeginsAnew(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	w.clock.Pass(2 * time.Hour)
	thief.retype("a123456780")
	if thief.act(); w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
}

// TestAHeldLoginOfADeadPasswordEnds: somebody's login is held when the insurer
// sends another password, with which the owner signs in and shows the card.
func TestAHeldLoginOfADeadPasswordEnds(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	at := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780").location()
	b.get(at).want(http.StatusOK).shows("ask for digits")
	w.owner()
	b.get(at + "/release").want(http.StatusGone)
	if n := w.keycloak.live("a123456780"); n != 1 { // the owner's
		t.Errorf("%d sessions live", n)
	}
}

// TestTheOwnersOtherTabGoesOn: both were held in one browser, and one of them is
// proved; nobody is asked twice.
func TestTheOwnersOtherTabGoesOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780").location()
	b.get(first).want(http.StatusOK).shows("ask for digits")
	w.clock.Pass(time.Second)
	second := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780").location()
	b.answer(b.get(second).shows("ask for digits"), "digits", "0042")
	if codeOf(b.get(second+"/release")) == "" || codeOf(b.get(first+"/release")) == "" {
		t.Error("one of the tabs got no code")
	}
}

// TestALinkWaits: the account of a foreign issuer is linked by an address that
// is called after the password. Whose it becomes is not to be seen.
func TestALinkWaits(t *testing.T) {
	for name, c := range map[string]struct {
		owned, drop bool
		want        int
	}{"goes on": {want: 1}, "once the account is its owner's": {owned: true}, "then without the cookie": {owned: true, drop: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			page := b.typeNumber(authURL("app"), "a123456780")
			form := strings.Replace(page.action(), "login-actions/authenticate", "login-actions/first-broker-login", 1)
			to := b.post(form, typing("a123456780")).want(http.StatusFound).location()
			if c.owned {
				w.owner()
			}
			if c.drop {
				delete(b.cookies, "__Host-schleuse-number")
			}
			b.get(to)
			if n := w.keycloak.count("/after-first-broker-login"); n != c.want || n != len(w.keycloak.people["a123456780"].authenticators) {
				t.Errorf("%d links", n)
			}
		})
	}
}

// TestWhatIsOnItsWayIsUndone: the form was sent on a moment before the account
// became its owner's, and Keycloak carries it out a moment after.
func TestWhatIsOnItsWayIsUndone(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	anna := w.keycloak.people["a123456780"]
	w.keycloak.acting = func() {
		w.owner()
		anna.authenticators = []account.Authenticator{{ID: "old", Created: day(11, 1)}, {ID: "planted", Created: w.clock.Now()}}
		w.signInAs("a123456780", "sid-thief")
	}
	got := thief.act()
	if anna.password == "the thief's own" || w.keycloak.live("a123456780") != 0 || got.Code != http.StatusGone {
		t.Errorf("status %d, password %q, %d sessions", got.Code, anna.password, w.keycloak.live("a123456780"))
	}
	if len(anna.authenticators) != 1 || anna.authenticators[0].ID != "old" {
		t.Errorf("stays: %v", anna.authenticators)
	}
	if !slices.Contains(w.audit.Actions(), "account.take_back") {
		t.Errorf("audit %q", w.audit.Actions())
	}
}

// TestWhoHangsUpIsUndoneToo: Keycloak carries the form out all the same.
func TestWhoHangsUpIsUndoneToo(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	w.keycloak.acting = func() {
		w.owner()
		hangUp()
	}
	form := url.Values{"password-new": {"the thief's own"}}
	thief.do(http.MethodPost, thief.page, form, func(r *http.Request) { *r = *r.WithContext(ctx) })
	if anna := w.keycloak.people["a123456780"]; anna.password == "the thief's own" || w.keycloak.live("a123456780") != 0 {
		t.Errorf("password %q, %d sessions", anna.password, w.keycloak.live("a123456780"))
	}
}

// TestAFormIsReadBeforeItIsJudged: who sends the end of a form when the owner
// has come has sent it then.
func TestAFormIsReadBeforeItIsJudged(t *testing.T) {
	w := newWorld(t)
	thief := waiters()["as it is"].waits(w)
	body := &slowForm{form: strings.NewReader("password-new=x"), meanwhile: w.owner}
	thief.do(http.MethodPost, thief.page, url.Values{}, func(r *http.Request) { r.Body = io.NopCloser(body) })
	if w.acted() != 0 {
		t.Error("the form reached Keycloak")
	}
}

// slowForm lets something happen before it can be read.
type slowForm struct {
	form      io.Reader
	meanwhile func()
}

func (s *slowForm) Read(p []byte) (int, error) {
	if s.meanwhile != nil {
		s.meanwhile()
		s.meanwhile = nil
	}
	return s.form.Read(p)
}

// TestNobodyLearnsWhoWasIdentified: an old tab answers a wrong password alike,
// whether its number's owner was identified or not.
func TestNobodyLearnsWhoWasIdentified(t *testing.T) {
	w := newWorld(t)
	answers := map[string]response{}
	for name, number := range map[string]string{"identified": "a123456780", "not": "b123456782"} {
		b := w.browser()
		page := b.typeNumber(authURL("app"), number)
		if name == "identified" {
			w.owner()
		}
		answers[name] = b.password(page, number, "wrong")
	}
	if a, b := answers["identified"], answers["not"]; a.Code != b.Code || a.Header().Get("Location") != b.Header().Get("Location") {
		t.Errorf("%d %s and %d %s", a.Code, a.Header().Get("Location"), b.Code, b.Header().Get("Location"))
	}
}

// TestAWrongPasswordIsNotWrittenDown: what anybody may send leaves nothing.
func TestAWrongPasswordIsNotWrittenDown(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "a123456780")
	for _, form := range []url.Values{typing("a123456780"), {"username": {"a123456780"}, "password": {"x"}, "tryAnotherWay": {"on"}}, {"username": {"a123456780"}}} {
		form.Set("password", "wrong")
		b.post(page.action(), form).want(http.StatusOK)
	}
	if n := w.changes.Len(); n != 0 {
		t.Errorf("%d records", n)
	}
}

// TestATabIsAsOldAsKeycloakMadeIt: the age of a tab alone decides.
func TestATabIsAsOldAsKeycloakMadeIt(t *testing.T) {
	t.Run("a new tab is no old one", func(t *testing.T) {
		w := newWorld(t)
		w.owner()
		b := w.browser()
		out := b.password(b.typeNumber(authURL("app"), "a123456780"), "a123456780", "pw-a123456780")
		if u, err := url.Parse(out.location()); err != nil || u.Query().Get("code") == "" {
			t.Errorf("no code but %q", out.location())
		}
	})
	t.Run("a password typed in an old tab", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		page := b.typeNumber(authURL("app"), "a123456780")
		w.owner()
		b.password(page, "a123456780", "pw-a123456780").want(http.StatusGone)
		if n := w.keycloak.live("a123456780"); n != 1 { // the owner's
			t.Errorf("%d sessions live", n)
		}
	})
	t.Run("when it cannot be looked up", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		thief := waits(t, w, b.typeNumber(authURL("app"), "a123456780"), b, "a123456780")
		w.changes.Break(errors.New("no database"))
		thief.act().want(http.StatusServiceUnavailable)
		if w.acted() != 0 {
			t.Error("the form reached Keycloak")
		}
	})
}

// retype drops what the gate knows of the tab and types a number for it anew.
func (b waiting) retype(number string) {
	b.t.Helper()
	delete(b.cookies, "__Host-schleuse-number")
	page := b.post(realmPath+"/login-actions/authenticate?client_id=app&tab_id="+b.tab, url.Values{"password": {"x"}})
	b.typed(page, number)
}

func (b waiting) typed(page response, number string) {
	b.t.Helper()
	b.post(page.action(), url.Values{"schleuse_request": {page.hidden("schleuse_request")}, "number": {number}}).want(http.StatusSeeOther)
}

// retypeBeside does so with what the gate knows put back.
func (b waiting) retypeBeside(number string) {
	b.t.Helper()
	kept := b.cookies["__Host-schleuse-number"]
	delete(b.cookies, "__Host-schleuse-number")
	page := b.post(realmPath+"/login-actions/authenticate?client_id=app&tab_id="+b.tab, url.Values{"password": {"x"}})
	b.cookies["__Host-schleuse-number"] = kept
	b.typed(page, number)
}

// loginPage is the address of the login page's form, of this execution.
func (b waiting) loginPage(execution string) string {
	client := "app"
	if strings.Contains(b.page, "client_id=partner") {
		client = "partner"
	}
	return realmPath + "/login-actions/authenticate?session_code=c&client_id=" + client + "&execution=" + execution + "&tab_id=" + b.tab
}

// rename shows another name in the tab, by the one spelling to which Keycloak
// answers as to a right password.
func (b waiting) rename(username string) {
	b.t.Helper()
	b.do(http.MethodPost, b.loginPage("UPDATE_PASSWORD"), url.Values{"username": {username}, "password": {"x"}}).want(http.StatusFound)
}

// TestALoginOnItsWayIsOvertaken: the password was forwarded a moment before
// the account became its owner's, and Keycloak answers a moment after.
func TestALoginOnItsWayIsOvertaken(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.typeNumber(authURL("app"), "h202601057")
	w.keycloak.respond = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.clock.Pass(time.Second)
			at := []byte(`{"At":"` + w.clock.Now().Format(time.RFC3339Nano) + `"}`)
			if err := w.changes.Put(t.Context(), "H202601057", 0, at, time.Hour); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	b.password(page, "h202601057", "pw-h202601057").want(http.StatusGone)
	if n := w.keycloak.live("h202601057"); n != 0 {
		t.Errorf("%d sessions live on", n)
	}
}
