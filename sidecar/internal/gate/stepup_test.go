package gate_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
)

// stepping is a gate in which the client site wants the step-up and app does
// not. It is passed by the answer "yes" to the step letter; "no" is refused.
func stepping(t *testing.T, change ...func(*gate.Gate)) *world {
	t.Helper()
	return newWorld(t, append([]func(*gate.Gate){func(g *gate.Gate) {
		g.Engine.Plans[flow.Stepup] = flow.Plan{Back: []flow.Entry{{"letter"}}}
		g.Engine.Chambers["letter"] = flow.Chamber{Name: "letter", Kind: "letter", Step: secondStep()}
		g.Engine.Chambers["egk"] = flow.Chamber{Name: "egk", Kind: "egk", Step: digitsStep()}
		g.Settings.Stepup = gate.StepupFor{Clients: []string{"site"}}
	}}, change...)...)
}

func secondStep() flow.Step {
	return flowtest.Step{OnResume: func(_ context.Context, _ *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		switch in.Form.Get("answer") {
		case "yes":
			return flow.Done(flow.Proof{}), nil
		case "no":
			return flow.Deny("never"), nil
		}
		return flow.Show(flow.View{Page: "ask"}), nil
	}}
}

func everyClient(g *gate.Gate) { g.Settings.Stepup = gate.StepupFor{Always: true} }

func observing(g *gate.Gate) { g.Settings.Observe = true }

// stepUpAt passes a step-up that is held, and returns what is released.
func (b *browser) stepUpAt(at string) response {
	b.t.Helper()
	done := b.answer(b.get(at).shows("ask for answer"), "answer", "yes").location()
	return b.get(strings.TrimSuffix(done, "done") + "release")
}

// outcome says in a word what an answer is.
func outcome(r response) string {
	at := r.Header().Get("Location")
	switch {
	case codeOf(r) != "":
		return "code"
	case strings.HasPrefix(at, "/schleuse/attempts/"):
		return "held"
	case strings.Contains(at, "error="):
		_, after, _ := strings.Cut(at, "error=")
		word, _, _ := strings.Cut(after, "&")
		return word
	case r.Code == http.StatusServiceUnavailable:
		return "later"
	case strings.Contains(r.Body.String(), `"access_token"`):
		return "tokens"
	case strings.Contains(r.Body.String(), `"invalid_grant"`):
		return "invalid_grant"
	case strings.Contains(r.Body.String(), "ask for number"):
		return "number"
	}
	return http.StatusText(r.Code)
}

// TestTableOfStepups enumerates who × client × moment: what somebody gets whose
// session has not passed the step-up, and one whose has.
func TestTableOfStepups(t *testing.T) {
	type row struct{ sso, silent, code, refresh string }
	open := row{"code", "code", "tokens", "tokens"}
	shut := row{"held", "login_required", "invalid_grant", "invalid_grant"}
	later := row{"later", "later", "later", "later"}
	gone := row{"number", "login_required", "invalid_grant", "invalid_grant"}
	for _, tc := range []struct {
		who    account.Clearance
		client string
		passed bool
		always bool
		want   row
	}{
		{account.Cleared, "site", false, false, shut},
		{account.Cleared, "site", true, false, open},
		{account.Cleared, "app", false, false, open},
		{account.Cleared, "app", true, false, open},
		{account.Cleared, "app", false, true, shut},
		{account.Cleared, "app", true, true, open},
		{account.Exempt, "site", false, false, open},
		{account.Exempt, "app", false, true, open},
		{account.Unknown, "site", false, false, later},
		{account.Unknown, "site", true, false, later},
		{account.NotCleared, "site", false, false, gone},
		{account.NotCleared, "site", true, false, gone},
	} {
		for moment, want := range map[string]string{"sso": tc.want.sso, "silent": tc.want.silent, "code": tc.want.code, "refresh": tc.want.refresh} {
			t.Run(strings.Join([]string{tc.who.String(), tc.client, moment, wordOf(tc.passed, "passed"), wordOf(tc.always, "always")}, " "), func(t *testing.T) {
				w := stepping(t, func(g *gate.Gate) { g.Settings.Stepup.Always = tc.always })
				b, tokens := w.signedInTo(tc.passed)
				code := w.codeFor(b)
				w.turn("h202601057", tc.who)
				live := w.keycloak.live("h202601057")
				got := outcome(w.at(b, moment, tc.client, code, tokens))
				if got != want {
					t.Fatalf("%s, want %s", got, want)
				}
				if tc.who != account.NotCleared && w.keycloak.live("h202601057") != live {
					t.Error("a session was ended")
				}
			})
		}
	}
}

// TestAClientThatAlwaysDoesNotMean: it is let in, and opens no other client.
func TestAClientThatAlwaysDoesNotMean(t *testing.T) {
	w := stepping(t, func(g *gate.Gate) { g.Settings.Stepup = gate.StepupFor{Always: true, Except: []string{"app"}} })
	b := w.browser()
	if got := outcome(b.signIn("app", "h202601057")); got != "code" {
		t.Errorf("the client that is excepted: %s", got)
	}
	if got := outcome(b.get(authURL("site"))); got != "held" {
		t.Errorf("another one, by single sign-on: %s", got)
	}
}

// TestASessionThatComesBackHasPassedNothing: a page of Keycloak's that still
// waited when its session was signed out brings the session back under its id.
func TestASessionThatComesBackHasPassedNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		ended, without bool
		want           string
	}{
		"it lives":                               {false, false, "code"},
		"it has ended":                           {true, false, "held"},
		"it has ended, and no cookie names it":   {true, true, "held"},
		"it lives, and another browser takes it": {false, true, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			w := stepping(t)
			b, _ := w.signedInTo(true)
			w.keycloak.root = slices.Sorted(maps.Keys(w.keycloak.began))[0]
			page := b.get(authURL("site", "prompt", "login")).want(http.StatusOK).shows(`class="again"`)
			w.clock.Pass(time.Minute)
			if tc.ended {
				if err := w.keycloak.End(t.Context(), account.SID(w.keycloak.root)); err != nil {
					t.Fatal(err)
				}
			}
			if tc.without {
				delete(b.cookies, "KEYCLOAK_IDENTITY")
			}
			if got := outcome(b.password(page, "", "pw-h202601057")); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func wordOf(is bool, word string) string {
	if is {
		return word
	}
	return "not " + word
}

// signedInTo is a browser in which the cleared customer is signed in, with a
// refresh token of the client app.
func (w *world) signedInTo(passed bool) (*browser, string) {
	w.t.Helper()
	b := w.browser()
	first := b.signIn("app", "h202601057")
	if passed || outcome(first) == "held" {
		at := first.Header().Get("Location")
		if outcome(first) != "held" {
			at = b.get(authURL("site")).location()
		}
		first = b.stepUpAt(at)
	}
	refresh := refreshOf(w.redeem(codeOf(first)).want(http.StatusOK))
	if !passed {
		w.records.unpass()
	}
	return b, refresh
}

// unpass makes every recorded session one that has not passed the step-up.
func (r *records) unpass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for sid, l := range r.logins {
		l.Stepup = time.Time{}
		r.logins[sid] = l
	}
}

// havePassed reports whether any session has.
func (r *records) havePassed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.logins {
		if !l.Stepup.IsZero() {
			return true
		}
	}
	return false
}

func refreshOf(r response) string {
	_, after, _ := strings.Cut(r.Body.String(), `"refresh_token":"`)
	token, _, _ := strings.Cut(after, `"`)
	return token
}

// codeFor is a code of the browser's session that left the gate just now.
func (w *world) codeFor(b *browser) string {
	w.t.Helper()
	w.keycloak.mu.Lock()
	defer w.keycloak.mu.Unlock()
	sid := claim(b.cookies["KEYCLOAK_IDENTITY"], "sid")
	code := "code-of." + sid + ".client"
	w.keycloak.codes[code] = sid
	now := w.clock.Now()
	record := gate.Code{Account: "id-h202601057", Session: account.SID(sid), Left: now, Expires: now.Add(time.Hour)}
	if err := w.records.RecordCode(w.t.Context(), gate.HashOf(code), record); err != nil {
		w.t.Fatal(err)
	}
	return code
}

func (w *world) at(b *browser, moment, client, code, refresh string) response {
	w.t.Helper()
	switch moment {
	case "sso":
		return b.get(authURL(client))
	case "silent":
		return b.get(authURL(client, "prompt", "none"))
	case "code":
		return w.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {client}})
	default:
		return w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {client}})
	}
}

// TestAStepupIsHeldUntilItIsPassed: by a new login and by single sign-on; then
// it is the session's, for every client, and asked once.
func TestAStepupIsHeldUntilItIsPassed(t *testing.T) {
	for _, sso := range []bool{false, true} {
		w := stepping(t)
		b := w.browser()
		var first response
		if sso {
			b.signIn("app", "h202601057")
			first = b.get(authURL("site"))
		} else {
			first = b.signIn("site", "h202601057")
		}
		at := first.location()
		if outcome(first) != "held" || b.cookies["KEYCLOAK_IDENTITY"] != "" && !sso {
			t.Fatalf("%s, cookies %v", outcome(first), b.cookies)
		}
		out := b.stepUpAt(at)
		w.token(url.Values{"grant_type": {"authorization_code"}, "code": {codeOf(out)}, "client_id": {"site"}}).want(http.StatusOK)
		if codeOf(b.get(authURL("site"))) == "" {
			t.Error("a session that has passed is asked again")
		}
		if again := b.get(strings.TrimSuffix(at, "/") + "/release"); codeOf(again) != "" {
			t.Error("the code left twice")
		}
		if len(w.keycloak.ended) > 0 {
			t.Errorf("ended %v", w.keycloak.ended)
		}
		if !slices.Contains(w.audit.Actions(), "stepup.passed") {
			t.Error("not in the audit")
		}
	}
}

// TestAnotherSessionPassesItsOwn: what one session has passed opens no other.
func TestAnotherSessionPassesItsOwn(t *testing.T) {
	w := stepping(t)
	b := w.browser()
	b.stepUpAt(b.signIn("site", "h202601057").location())
	if got := outcome(w.browser().signIn("site", "h202601057")); got != "held" {
		t.Errorf("another session: %s", got)
	}
}

// TestAnUnfinishedStepupTakesNothing: refused or left, the session goes on.
func TestAnUnfinishedStepupTakesNothing(t *testing.T) {
	w := stepping(t)
	b, refresh := w.signedInTo(false)
	at := b.get(authURL("site")).location()
	if outcome(b.get(authURL("app"))) != "code" {
		t.Error("another client is held while the step-up is open")
	}
	b.answer(b.get(at), "answer", "no")
	if got := outcome(b.get(at + "/release")); got == "code" {
		t.Error("released although refused")
	}
	if w.keycloak.live("h202601057") != 1 || len(w.keycloak.ended) > 0 {
		t.Errorf("ended %v", w.keycloak.ended)
	}
	w.at(b, "refresh", "app", "", refresh).want(http.StatusOK)
	if outcome(b.get(authURL("app"))) != "code" || outcome(b.get(authURL("site"))) != "held" {
		t.Error("after it the one client is refused, or the other not held")
	}
}

// TestASecondTabGoesOnByItself: passed in one, it is passed in the other.
func TestASecondTabGoesOnByItself(t *testing.T) {
	w := stepping(t)
	b, _ := w.signedInTo(false)
	one, two := b.get(authURL("site")).location(), b.get(authURL("site")).location()
	b.stepUpAt(one)
	done := b.get(two).location()
	if !strings.HasSuffix(done, "/done") || outcome(b.get(two+"/release")) != "code" {
		t.Errorf("the other tab goes to %s", done)
	}
}

// TestAFirstProofIsEnough: who was identified in this session just now is not
// asked again, unless it was by the card alone.
func TestAFirstProofIsEnough(t *testing.T) {
	for step, want := range map[string]string{"egk": "held", "letter": "code"} {
		t.Run(step, func(t *testing.T) {
			w := stepping(t, func(g *gate.Gate) {
				login := g.Engine.Plans[flow.Login]
				login.Back = []flow.Entry{{flow.StepName(step)}}
				g.Engine.Plans[flow.Login] = login
			})
			b := w.browser()
			at := b.signIn("site", "a123456780").location()
			field, answer := "digits", "0042"
			if step == "letter" {
				field, answer = "answer", "yes"
			}
			done := b.answer(b.get(at), field, answer).location()
			out := b.get(strings.TrimSuffix(done, "done") + "release")
			if want == "held" {
				if outcome(out) == "code" {
					t.Fatal("a code leaves before the step-up")
				}
				out = b.get(out.location())
			}
			if outcome(out) != want {
				t.Errorf("%s, want %s", outcome(out), want)
			}
		})
	}
}

// TestAnEnrolmentIsAStepup, unless it was proved by the card alone; then the
// permit is there, and the client that wants the step-up gets nothing yet.
func TestAnEnrolmentIsAStepup(t *testing.T) {
	for step, want := range map[string]string{"egk": "held", "letter": "code"} {
		t.Run(step, func(t *testing.T) {
			p := &permits{}
			w := stepping(t, everyClient, func(g *gate.Gate) {
				g.Engine.Plans[flow.Enrolment] = flow.Plan{Back: []flow.Entry{{flow.StepName(step)}}}
				g.Permits, g.Settings.Enrolling = p, []string{"app"}
			})
			b := w.browser()
			at := b.password(b.typeNumber(authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey), "H202601057"), "", "pw-h202601057").location()
			field, answer := "digits", "0042"
			if step == "letter" {
				field, answer = "answer", "yes"
			}
			done := b.answer(b.get(at), field, answer).location()
			out := b.get(strings.TrimSuffix(done, "done") + "release")
			if len(p.given) != 1 {
				t.Fatalf("permits %v", p.given)
			}
			if want == "held" {
				if outcome(out) == "code" {
					t.Fatal("a code leaves before the step-up")
				}
				out = b.get(out.location())
			}
			if outcome(out) != want {
				t.Errorf("%s, want %s", outcome(out), want)
			}
		})
	}
}

// TestAnActionWaitsForTheStepup, whichever client asks for it: an authenticator
// that a thief of the password enrols would outlive the session.
func TestAnActionWaitsForTheStepup(t *testing.T) {
	w := stepping(t)
	b, _ := w.signedInTo(false)
	ask := authURL("app", "kc_action", "CONFIGURE_TOTP")
	held := b.get(ask)
	if r, _ := w.keycloak.last("/auth"); strings.Contains(r.URL.RawQuery, "kc_action") {
		t.Fatalf("Keycloak got %s", r.URL.RawQuery)
	}
	if outcome(held) != "held" {
		t.Fatalf("%s, want held", outcome(held))
	}
	out := b.stepUpAt(held.location())
	if outcome(out) == "code" || !strings.Contains(out.location(), "kc_action=CONFIGURE_TOTP") {
		t.Fatalf("after the step-up: %s", out.location())
	}
	if next := b.get(out.location()).location(); !strings.Contains(next, "required-action?execution=CONFIGURE_TOTP") {
		t.Errorf("the action does not follow: %s", next)
	}
}

// TestAnActionOfANewLoginWaitsToo, and one inside a pushed or signed request.
func TestAnActionOfANewLoginWaitsToo(t *testing.T) {
	w := stepping(t)
	b := w.browser()
	page := b.typeNumber(authURL("app", "kc_action", "CONFIGURE_TOTP"), "H202601057")
	if got := outcome(b.password(page, "", "pw-h202601057")); got != "held" {
		t.Errorf("a new login: %s", got)
	}
	b, _ = w.signedInTo(false)
	got := b.get(oidcPath + "/auth?client_id=app&request_uri=" + url.QueryEscape(w.push(pushable("kc_action", "CONFIGURE_TOTP"))))
	if r, form := w.keycloak.last("/auth"); outcome(got) != "held" || strings.Contains(r.URL.RawQuery+form.Encode(), "kc_action") {
		t.Errorf("pushed: %s, Keycloak got %s", outcome(got), r.URL.RawQuery)
	}
	object := jwt(map[string]string{"client_id": "app", "kc_action": "CONFIGURE_TOTP"})
	if got := outcome(b.get(authURL("app", "request", object))); got != "interaction_required" {
		t.Errorf("signed: %s", got)
	}
	if got := outcome(b.get(authURL("app", "kc_action", "CONFIGURE_TOTP", "prompt", "none"))); got != "login_required" {
		t.Errorf("silent: %s", got)
	}
}

// TestAStepupThatIsProvedTooLate passes nothing, and takes nothing.
func TestAStepupThatIsProvedTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		status int
	}{
		"withdrawn":     {func(w *world) { w.keycloak.people["h202601057"].clearance = account.NotCleared }, http.StatusGone},
		"exempt now":    {func(w *world) { w.keycloak.people["h202601057"].clearance = account.Exempt }, http.StatusGone},
		"session ended": {func(w *world) { clear(w.keycloak.sessions) }, http.StatusGone},
		"unknown":       {func(w *world) { w.keycloak.down = true }, http.StatusServiceUnavailable},
		"not stored":    {func(w *world) { w.records.break_(errors.New("down")) }, http.StatusServiceUnavailable},
		"not written":   {func(w *world) { w.audit.FailWith(errors.New("down")) }, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := stepping(t)
			b, _ := w.signedInTo(false)
			at := b.get(authURL("site")).location()
			page := b.get(at)
			w.clock.Pass(10 * time.Second)
			c.change(w)
			b.answer(page, "answer", "yes").want(c.status)
			b.get(at).want(c.status)
			if w.records.havePassed() {
				t.Error("passed")
			}
			if len(w.keycloak.ended) > 0 {
				t.Errorf("ended %v", w.keycloak.ended)
			}
		})
	}
}

// TestNobodyKnowsWhetherASessionHasPassed: nothing leaves, nothing is ended.
func TestNobodyKnowsWhetherASessionHasPassed(t *testing.T) {
	for _, moment := range []string{"sso", "silent", "code", "refresh"} {
		w := stepping(t)
		b, refresh := w.signedInTo(true)
		code := w.codeFor(b)
		w.records.break_(errors.New("down"))
		if got := outcome(w.at(b, moment, "site", code, refresh)); got != "later" {
			t.Errorf("%s: %s", moment, got)
		}
		w.records.break_(nil)
		if got := w.at(b, moment, "site", code, refresh); outcome(got) != "code" && outcome(got) != "tokens" {
			t.Errorf("%s, once it is known again: %s", moment, outcome(got))
		}
	}
}

// TestARefusedTokenRequestUsesNothingUp: the client's own code and refresh
// token are good still once the step-up is passed.
func TestARefusedTokenRequestUsesNothingUp(t *testing.T) {
	w := stepping(t)
	b, refresh := w.signedInTo(false)
	code := w.codeFor(b)
	before := w.keycloak.count("/token")
	w.at(b, "code", "site", code, "").want(http.StatusBadRequest)
	w.at(b, "refresh", "site", "", refresh).want(http.StatusBadRequest)
	if w.keycloak.count("/token") != before {
		t.Error("Keycloak was asked")
	}
	b.stepUpAt(b.get(authURL("site")).location())
	w.at(b, "code", "site", code, "").want(http.StatusOK)
	w.at(b, "refresh", "site", "", refresh).want(http.StatusOK)
}

// TestTokensOfASessionThatNobodyNamedBefore: what a refresh token says of its
// session is a claim; the answer is looked at too.
func TestTokensOfASessionThatNobodyNamedBefore(t *testing.T) {
	w := stepping(t)
	b, _ := w.signedInTo(false)
	w.keycloak.mu.Lock()
	opaque := "opaque"
	w.keycloak.refresh[opaque] = claim(b.cookies["KEYCLOAK_IDENTITY"], "sid")
	w.keycloak.mu.Unlock()
	if got := outcome(w.at(b, "refresh", "site", "", opaque)); got != "invalid_grant" {
		t.Error(got)
	}
	if len(w.keycloak.ended) > 0 {
		t.Errorf("ended %v", w.keycloak.ended)
	}
}

// TestAClientThatNobodyKnows may be one that wants the step-up.
func TestAClientThatNobodyKnows(t *testing.T) {
	w := stepping(t)
	b, refresh := w.signedInTo(false)
	if got := outcome(w.at(b, "refresh", "", "", refresh)); got != "invalid_grant" {
		t.Error(got)
	}
}

// TestObservingStepsUp: what concerns a session is not only observed.
func TestObservingStepsUp(t *testing.T) {
	p := &permits{}
	w := stepping(t, observing, func(g *gate.Gate) {
		g.Engine.Plans[flow.Enrolment] = flow.Plan{Back: []flow.Entry{{"letter"}}}
		g.Permits, g.Settings.Enrolling = p, []string{"app"}
	})
	b := w.browser()
	page := b.get(authURL("site")).want(http.StatusOK)
	held := b.password(page, "h202601057", "pw-h202601057")
	if outcome(held) != "held" {
		t.Fatalf("%s, want held", outcome(held))
	}
	if codeOf(b.stepUpAt(held.location())) == "" {
		t.Fatal("no code after the step-up")
	}
	stranger := w.browser()
	if got := outcome(stranger.password(stranger.get(authURL("site")), "a123456780", "pw-a123456780")); got != "code" {
		t.Errorf("who is not identified: %s", got)
	}
	w.turn("h202601057", account.Unknown)
	if got := outcome(b.get(authURL("site"))); got != "later" {
		t.Errorf("unknown: %s", got)
	}
}

// TestObservingGivesPermits, and keeps what is the gate's own from Keycloak.
func TestObservingGivesPermits(t *testing.T) {
	for _, way := range []string{"new login", "single sign-on", "pushed"} {
		t.Run(way, func(t *testing.T) {
			p := &permits{}
			w := newWorld(t, observing, func(g *gate.Gate) {
				g.Engine.Plans[flow.Enrolment] = flow.Plan{Back: []flow.Entry{{"egk", "letter"}}}
				g.Permits, g.Settings.Enrolling = p, []string{"app"}
			})
			b, ask := w.browser(), authURL("app", "acr_values", phoneACR, "dpop_jkt", phoneKey)
			if way != "new login" {
				b.password(b.get(authURL("site")), "h202601057", "pw-h202601057").want(http.StatusFound)
			}
			if way == "pushed" {
				ask = oidcPath + "/auth?client_id=app&request_uri=" + url.QueryEscape(w.push(pushable("acr_values", phoneACR, "dpop_jkt", phoneKey)))
			}
			held := b.get(ask)
			if way == "new login" {
				held = b.password(held, "h202601057", "pw-h202601057")
			}
			done := b.answer(b.get(held.location()), "digits", "0042").location()
			if codeOf(b.get(strings.TrimSuffix(done, "done")+"release")) == "" || len(p.given) != 1 {
				t.Errorf("no code, or permits %v", p.given)
			}
			for i, r := range w.keycloak.seen {
				if strings.Contains(r.URL.RawQuery+w.keycloak.forms[i].Encode(), "schleuse") {
					t.Errorf("Keycloak got %s %s", r.URL, w.keycloak.forms[i].Encode())
				}
			}
		})
	}
}

// TestObservingActions: without a step-up they go on as without the gate; with
// one, nobody who is identified changes means of signing in before it.
func TestObservingActions(t *testing.T) {
	ask := authURL("app", "kc_action", "CONFIGURE_TOTP")
	for name, c := range map[string]struct {
		world *world
		who   string
		want  string
	}{
		"without":        {newWorld(t, observing), "h202601057", "acts"},
		"identified":     {stepping(t, observing), "h202601057", "held"},
		"not identified": {stepping(t, observing), "a123456780", "acts"},
		"staff":          {stepping(t, observing), "s.schmidt", "acts"},
	} {
		b := c.world.browser()
		b.password(b.get(authURL("app")), c.who, "pw-"+c.who).want(http.StatusFound)
		got := b.get(ask)
		if word := outcome(got); word != c.want && (c.want != "acts" || !strings.Contains(got.Header().Get("Location"), "required-action")) {
			t.Errorf("%s, signed in: %s to %s", name, word, got.Header().Get("Location"))
		}
		fresh := c.world.browser()
		got = fresh.password(fresh.get(ask), c.who, "pw-"+c.who)
		if word := outcome(got); c.want == "held" && word != "held" || c.want == "acts" && name != "without" && !strings.Contains(got.Header().Get("Location"), "kc_action=") {
			t.Errorf("%s, new login: %s to %s", name, word, got.Header().Get("Location"))
		}
	}
}
