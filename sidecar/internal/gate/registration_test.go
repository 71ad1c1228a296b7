package gate_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

const newcomer = "D202601019"

// registering is a gate with a registration: the number, then egk (the digits
// 0042) or the letter, then a password that makes the account.
func registering(t *testing.T, change ...func(*flow.Engine)) *world {
	t.Helper()
	return newWorld(t, timed, func(g *gate.Gate) {
		g.Engine.Plans[flow.Registration] = flow.Plan{
			Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"egk", "letter"}},
			After: []flow.StepName{"password", flow.Authenticators},
		}
		put := func(name flow.StepName, s flow.Step) {
			g.Engine.Chambers[name] = flow.Chamber{Name: name, Kind: "kind_" + string(name), Step: s}
		}
		put("kvnr", wishStep())
		put("egk", keeps(digitsStep()))
		put("letter", keeps(flowtest.Step{}))
		put("password", &makesAccount{accounts: g.Accounts})
		for _, f := range change {
			f(g.Engine)
		}
	})
}

// wishStep asks for the number, and enters the registration at once when the
// form wants it.
func wishStep() flow.Step {
	return flowtest.Step{OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		out, err := numberStep().Resume(ctx, a, in)
		if out.Kind == flow.IsDone && in.Form.Has("register") {
			return flow.Enter(flow.Registration), nil
		}
		return out, err
	}}
}

// keeps has the attempt stored before it looks at an answer.
func keeps(s flow.Step) flow.Step {
	return flowtest.Step{OnBegin: s.Begin, OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
		switch {
		case in.Form.Get("digits") == "never":
			return flow.Deny("never"), nil
		case in.Form.Get("digits") == "park" && a.ID != "":
			return flow.Park(flow.View{Page: "ask"}), nil
		case in.Kind == flow.Returned:
			return flow.Done(flow.Proof{}), nil
		case a.ID == "":
			return flow.Keep(), nil
		}
		return s.Resume(ctx, a, in)
	}}
}

// makesAccount makes the account at the first answer, and recalls it.
type makesAccount struct {
	accounts account.Accounts
	flowtest.Step
	owed account.ID
	log  []string
}

func (s *makesAccount) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	id, err := s.accounts.Create(ctx, account.New{Number: a.Number, Password: in.Form.Get("answer")})
	return flow.Done(flow.Proof{Account: id}), err
}

func (s *makesAccount) Recall(_ context.Context, a *flow.Attempt) (flow.Proof, error) {
	s.log = append(s.log, "recall")
	if s.owed != a.Account || s.owed == "" {
		return flow.Proof{}, nil
	}
	return flow.Proof{Kind: "k", Account: s.owed}, nil
}

func (s *makesAccount) Forget(context.Context, *flow.Attempt) error {
	s.log, s.owed = append(s.log, "forget"), ""
	return nil
}

// draft sends the form of a draft's page.
func (b *browser) draft(page response, namesAndValues ...string) response {
	b.t.Helper()
	form := url.Values{"schleuse_request": {page.hidden("schleuse_request")}}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		form.Set(namesAndValues[i], namesAndValues[i+1])
	}
	return b.post(page.action(), form)
}

// register types a number and wants to register.
func (b *browser) register(target string) response {
	b.t.Helper()
	return b.draft(b.get(target).want(http.StatusOK), "number", newcomer, "register", "1").want(http.StatusOK).shows("ask for digits")
}

// kept answers the first step rightly, and stands at the attempt's own page.
func (b *browser) kept(page response) response {
	b.t.Helper()
	return b.get(b.draft(page, "digits", "0042").want(http.StatusSeeOther).location()).want(http.StatusOK)
}

func TestARegistrationFromTheNumberToTheFirstLogin(t *testing.T) {
	w := registering(t)
	b := w.browser()
	target := authURL("app")
	page := b.register(target)
	if w.attempts.Len() != 0 || w.records.rows() != 0 || len(w.audit.Entries()) != 0 {
		t.Error("a draft stored something")
	}
	page = b.kept(page)
	if w.attempts.Len() != 1 {
		t.Fatalf("%d attempts", w.attempts.Len())
	}
	out := b.answer(page, "answer", "secret").want(http.StatusSeeOther)
	id := account.ID("made-" + strings.ToLower(newcomer))
	if who := w.keycloak.people[strings.ToLower(newcomer)]; who == nil || who.clearance != account.Cleared {
		t.Fatalf("the account is %+v", who)
	}
	done := b.get(out.location()).want(http.StatusOK)
	release := strings.TrimPrefix(out.location(), "https://login.test")
	release = strings.TrimSuffix(release, "/done") + "/release"
	done.shows(release)
	again := b.get(release).want(http.StatusSeeOther)
	if again.location() != target {
		t.Errorf("goes on at %s, want %s", again.location(), target)
	}
	if got := b.get(release).want(http.StatusSeeOther).location(); got != "https://app.test/" {
		t.Errorf("a second time it leads to %s", got)
	}
	login := b.get(again.location()).want(http.StatusOK) // Keycloak's page: the number is known
	if code := codeOf(b.password(login, strings.ToLower(newcomer), "secret")); code == "" {
		t.Error("no code after the first login")
	}
	want := []string{"registration.passed", "registration.passed", "session.end_all", "session.end_all", "role.grant", "role.grant", "registration.ended", "registration.ended", "login.passed"}
	if got := w.audit.Actions(); !slices.Equal(got, want) {
		t.Errorf("audit %q, want %q", got, want)
	}
	for _, e := range w.audit.Entries() {
		if strings.Contains(strings.ToUpper(e.Action+e.Step+e.Client+e.Result+e.Ref), newcomer) {
			t.Errorf("the number stands in %+v", e)
		}
		if e.Action == "role.grant" && e.Person != id {
			t.Errorf("the role went to %q", e.Person)
		}
	}
}

func TestARefusedRegistrationEndsNothing(t *testing.T) {
	w := registering(t)
	other := w.browser()
	page := other.draft(other.register(authURL("app")), "digits", "1").want(http.StatusOK)
	for range 2 {
		page = other.answer(page, "digits", "1")
	}
	page = other.get(page.location()).want(http.StatusOK).shows("ask for answer")
	other.answer(page, "answer", "never").want(http.StatusOK).shows("never")
	if slices.Contains(w.audit.Actions(), "session.end") || w.keycloak.count("") != 0 {
		t.Error("something was ended")
	}
}

func TestTheRefusalOfAnIdentifiedPersonIsTold(t *testing.T) {
	w := registering(t, func(e *flow.Engine) {
		c := e.Chambers["password"]
		c.Step = flowtest.Step{OnBegin: func(context.Context, *flow.Attempt) (flow.Outcome, error) { return flow.Deny("never"), nil }}
		e.Chambers["password"] = c
	})
	b := w.browser()
	b.draft(b.register(authURL("app")), "digits", "0042").want(http.StatusOK)
	if got, want := w.audit.Actions(), []string{"registration.passed", "registration.denied"}; !slices.Equal(got, want) {
		t.Errorf("audit %q, want %q", got, want)
	}
}

func TestAnotherBrowserHasNothingOfAnAttempt(t *testing.T) {
	w := registering(t)
	b := w.browser()
	at := b.draft(b.register(authURL("app")), "digits", "0042").location()
	w.browser().get(at).want(http.StatusGone)
	w.browser().get(at + "/release").want(http.StatusGone)
	b.get(at + "/release").want(http.StatusSeeOther) // not before the end
	if got := b.get(at + "/done").want(http.StatusSeeOther).location(); got != at {
		t.Errorf("done leads to %s", got)
	}
}

// A registration that took a day begins anew at the client's start.
func TestALongWayEndsAtTheStart(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.kept(b.register(authURL("app")))
	w.clock.Pass(31 * time.Minute)
	out := b.answer(page, "answer", "secret").want(http.StatusSeeOther)
	release := strings.TrimSuffix(out.location(), "/done") + "/release"
	if got := b.get(release).want(http.StatusSeeOther).location(); got != "https://app.test/" {
		t.Errorf("leads to %s", got)
	}
}

func TestAParkedAttemptIsKnownToItsBrowser(t *testing.T) {
	var seen []flow.AttemptID
	w := registering(t, func(e *flow.Engine) {
		c := e.Chambers["egk"]
		inner := c.Step
		c.Step = flowtest.Step{OnResume: inner.Resume, OnBegin: func(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
			seen = a.Parked
			return inner.Begin(ctx, a)
		}}
		e.Chambers["egk"] = c
	})
	b := w.browser()
	page := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK)
	out := b.answer(page, "digits", "park").want(http.StatusOK).shows("ask for digits")
	if cookie := out.Header().Get("Set-Cookie"); !strings.Contains(cookie, "Max-Age=604800") {
		t.Errorf("cookie %q", cookie)
	}
	b.get(page.action()).want(http.StatusOK)
	w.clock.Pass(6 * 24 * time.Hour)
	b.register(authURL("app"))
	if len(seen) != 1 || !strings.HasPrefix(page.action(), "/schleuse/attempts/"+seen[0].Tag()) {
		t.Errorf("the draft knows %v", seen)
	}
	again := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK)
	b.get(again.action()).want(http.StatusOK)
	if len(seen) != 1 {
		t.Errorf("the attempt knows %v: an open one does not count as parked", seen)
	}
	w.browser().register(authURL("app"))
	if len(seen) != 0 {
		t.Error("another browser knows it")
	}
	mine := b.get(authURL("app"))
	b.draft(mine, "number", "A123456780", "register", "1").want(http.StatusOK)
	if len(seen) != 0 {
		t.Error("another number has it")
	}
}

func TestReturn(t *testing.T) {
	w := registering(t)
	face, ok := w.handler.(gate.Face)
	if !ok {
		t.Fatal("no gate.Face")
	}
	b := w.browser()
	at := b.draft(b.register(authURL("app")), "digits", "1").want(http.StatusOK).action()
	secret, err := flow.ParseSecret(b.cookies[wire.OwnPrefix+strings.TrimPrefix(at, "/schleuse/attempts/")])
	if err != nil {
		t.Fatal(err)
	}
	id := secret.ID()
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !face.Return(rw, r, "egk", id) {
			rw.WriteHeader(http.StatusTeapot)
		}
	})
	cross := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	w.browser().get("/back?nectCaseId=1").want(http.StatusTeapot)
	b.do(http.MethodPost, "/back", url.Values{"a": {"1"}}, cross).want(http.StatusTeapot)
	if r, err := w.attempts.Get(t.Context(), id); err != nil || len(r.Proofs) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := b.do(http.MethodGet, "/back?nectCaseId=1", nil, cross).want(http.StatusSeeOther).location(); got != at {
		t.Errorf("sent to %s, want %s", got, at)
	}
	if r, err := w.attempts.Get(t.Context(), id); err != nil || len(r.Proofs) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	w.keycloak.break_(true)
	b.get("/back?nectCaseId=1").want(http.StatusSeeOther) // nobody is looked up: nobody has signed in
}

func TestALoginRecallsAnIdentification(t *testing.T) {
	var step *makesAccount
	w := registering(t, func(e *flow.Engine) { step, _ = e.Chambers["password"].Step.(*makesAccount) })
	step.owed = "id-a123456780"
	b := w.browser()
	held := b.signIn("app", "a123456780").want(http.StatusSeeOther)
	done := b.get(held.location()).want(http.StatusSeeOther)
	if !strings.HasSuffix(done.location(), "/done") {
		t.Fatalf("leads to %s", done.location())
	}
	release := strings.TrimSuffix(done.location(), "/done") + "/release"
	if code := codeOf(b.get(release)); code == "" {
		t.Error("no code")
	}
	if got := strings.Join(step.log, " "); got != "recall forget" {
		t.Errorf("%s", got)
	}
	if w.keycloak.people["a123456780"].clearance != account.Cleared {
		t.Error("not cleared")
	}
}

func TestNothingIsRecalledForADeadSession(t *testing.T) {
	var step *makesAccount
	w := registering(t, func(e *flow.Engine) { step, _ = e.Chambers["password"].Step.(*makesAccount) })
	step.owed = "id-a123456780"
	b := w.browser()
	held := b.signIn("app", "a123456780").want(http.StatusSeeOther)
	w.keycloak.sessions = map[string]*person{}
	b.get(held.location())
	if len(step.log) != 0 || w.keycloak.people["a123456780"].clearance != account.NotCleared {
		t.Errorf("%v", step.log)
	}
}

// The role is there, and a crash came before what Recall answers from was
// forgotten.
func TestWhoIsClearedIsOwedNothing(t *testing.T) {
	var step *makesAccount
	w := registering(t, func(e *flow.Engine) { step, _ = e.Chambers["password"].Step.(*makesAccount) })
	b := w.browser()
	held := b.signIn("app", "a123456780").want(http.StatusSeeOther)
	step.owed = "id-a123456780"
	w.keycloak.set("a123456780", account.Cleared)
	w.clock.Pass(2 * time.Second)
	b.get(held.location()).want(http.StatusSeeOther)
	if step.owed != "" || !slices.Equal(step.log, []string{"forget"}) {
		t.Errorf("owed %q, asked %q", step.owed, step.log)
	}
}

// A pushed request is dead by the time; the way on is the client's start.
func TestAPushedRequestIsNotAskedForAgain(t *testing.T) {
	w := registering(t)
	b := w.browser()
	pushed := w.browser().do(http.MethodPost, oidcPath+"/ext/par/request", url.Values{
		"client_id": {"app"}, "redirect_uri": {"https://app.test/cb"}, "response_type": {"code"}, "scope": {"openid"},
	}, func(r *http.Request) { r.Header.Set("Accept", "*/*") })
	uri := regexp.MustCompile(`"request_uri": ?"([^"]+)"`).FindStringSubmatch(pushed.Body.String())
	if uri == nil {
		t.Fatalf("no request_uri: %s", pushed.Body)
	}
	page := b.kept(b.register(oidcPath + "/auth?client_id=app&request_uri=" + url.QueryEscape(uri[1])))
	out := b.answer(page, "answer", "secret").want(http.StatusSeeOther)
	release := strings.TrimSuffix(out.location(), "/done") + "/release"
	if got := b.get(release).want(http.StatusSeeOther).location(); got != "https://app.test/" {
		t.Errorf("leads to %s", got)
	}
}

// Extensions' own addresses take what services send, and no foreign form.
func TestNoForeignFormReachesAnExtension(t *testing.T) {
	called := 0
	w := newWorld(t, func(g *gate.Gate) {
		g.Public = map[string]http.Handler{"nect": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ })}
	})
	b := w.browser()
	site := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", value) }
	}
	b.do(http.MethodPost, "/schleuse/x/nect/return", url.Values{"a": {"1"}}, site("cross-site")).want(http.StatusForbidden)
	if called != 0 {
		t.Error("a foreign form came through")
	}
	b.do(http.MethodGet, "/schleuse/x/nect/return", nil, site("cross-site")).want(http.StatusOK)
	b.do(http.MethodPost, "/schleuse/x/nect/callback", nil).want(http.StatusOK)
	b.do(http.MethodPost, "/schleuse/x/nect/return", url.Values{"a": {"1"}}, site("same-origin")).want(http.StatusOK)
	if called != 3 {
		t.Errorf("%d came through, want 3", called)
	}
}
