package password_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/password"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const newcomer member.KVNR = "M123456785"

const chosen = "ein kurzer Satz"

// registers makes the attempt one of somebody whom nect has identified.
func registers(a *flow.Attempt) {
	a.Flow, a.Number, a.Account, a.Session, a.Kinds = flow.Registration, newcomer, "", "", []string{"nect"}
	a.Evidence = "nect case c-17"
}

// known is the same for a number that has an account.
func known(a *flow.Attempt) {
	registers(a)
	a.Number = extensiontest.Number
}

func recovers(a *flow.Attempt) {
	known(a)
	a.Flow = flow.Recovery
}

// onFile is the newcomer, of this status.
func onFile(status member.Status) member.Member {
	p := extensiontest.Person()
	p.KVNR, p.Given, p.Surname, p.Mail, p.Status = newcomer, "Mia", "Neu", "mia@kasse.example", status
	return p
}

func is(status member.Status) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) { s.Members.Put(onFile(status)) }
}

func typed(password string) flow.Input {
	return extensiontest.Post("password", password, "again", password)
}

func TestExtension(t *testing.T) {
	show := func(problem string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsShow, Page: "password", Problem: problem}
	}
	deny := func(key string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsDeny, Key: "denied." + key}
	}
	done := extensiontest.Want{Kind: flow.IsDone}
	exempt := func(s *extensiontest.Stage) { s.Realm.Exempt(extensiontest.Account) }
	disabled := func(s *extensiontest.Stage) {
		s.Realm.Put(account.Account{ID: extensiontest.Account, Username: extensiontest.Number.Username()})
	}
	const strict = "digits: 1\nupper: 1\nlower: 1\nspecial: 1\n"
	var cases []extensiontest.Case
	for name, c := range map[string]struct {
		config  string
		arrange func(*extensiontest.Stage)
		attempt func(*flow.Attempt)
		answer  []flow.Input
		want    extensiontest.Want
	}{
		"asks":                       {"", nil, registers, nil, show("")},
		"new account":                {"", nil, registers, []flow.Input{typed(chosen)}, done},
		"new account, named by law":  {"", nil, registers, []flow.Input{typed("müßiggänger-ß")}, done},
		"empty":                      {"", nil, registers, []flow.Input{typed("")}, show("problem.empty")},
		"short":                      {"", nil, registers, []flow.Input{typed("kurz")}, show("problem.length")},
		"short in characters":        {"", nil, registers, []flow.Input{typed("ßßßßßßßßß")}, show("problem.length")},
		"too long":                   {"", nil, registers, []flow.Input{typed(strings.Repeat("lang ", 60))}, show("problem.unfit")},
		"with a control character":   {"", nil, registers, []flow.Input{typed("ein kurzer\x00Satz")}, show("problem.unfit")},
		"no text":                    {"", nil, registers, []flow.Input{typed("ein kurzer\xffSatz")}, show("problem.unfit")},
		"the number":                 {"", nil, registers, []flow.Input{typed("m 123 456 785")}, show("problem.number")},
		"not repeated":               {"", nil, registers, []flow.Input{extensiontest.Post("password", chosen)}, show("problem.again_empty")},
		"repeated wrongly":           {"", nil, registers, []flow.Input{extensiontest.Post("password", chosen, "again", chosen+".")}, show("problem.again")},
		"sent twice":                 {"", nil, registers, []flow.Input{extensiontest.Post("password", chosen, "password", chosen, "again", chosen)}, show("problem.empty")},
		"no digit":                   {strict, nil, registers, []flow.Input{typed("Ein kurzer Satz")}, show("problem.digits")},
		"no capital":                 {strict, nil, registers, []flow.Input{typed("ein kurzer satz 1")}, show("problem.upper")},
		"no small letter":            {strict, nil, registers, []flow.Input{typed("EIN KURZER SATZ 1")}, show("problem.lower")},
		"nothing special":            {strict, nil, registers, []flow.Input{typed("EinKurzerSatz1")}, show("problem.special")},
		"all of it":                  {strict, nil, registers, []flow.Input{typed("Ein kurzer Satz 1")}, done},
		"shorter than Keycloak's":    {"min_length: 8", nil, registers, []flow.Input{typed("12345678a")}, show("problem.length")},
		"an account that exists":     {"", nil, known, nil, deny("exists")},
		"posted for one that exists": {"", nil, known, []flow.Input{typed(chosen)}, deny("exists")},
		"exists, and is recovered":   {"existing: recover", nil, known, []flow.Input{typed(chosen)}, done},
		"recovery":                   {"", nil, recovers, []flow.Input{typed(chosen)}, done},
		"recovery without account":   {"", nil, func(a *flow.Attempt) { registers(a); a.Flow = flow.Recovery }, []flow.Input{typed(chosen)}, done},
		"staff":                      {"existing: recover", exempt, recovers, []flow.Input{typed(chosen)}, deny("exempt")},
		"staff registers":            {"", exempt, known, nil, deny("exempt")},
		"blocked account":            {"", disabled, recovers, nil, deny("disabled")},
		"left meanwhile":             {"", is(member.StatusLeft), registers, []flow.Input{typed(chosen)}, deny("left")},
		"not on file any more":       {"", nil, func(a *flow.Attempt) { registers(a); a.Number = "Z000000005" }, nil, deny("not_on_file")},
	} {
		arrange := func(s *extensiontest.Stage) {
			s.Members.Put(onFile(member.StatusActive))
			if c.arrange != nil {
				c.arrange(s)
			}
		}
		cases = append(cases, extensiontest.Case{Name: name, Config: c.config, Arrange: arrange, Attempt: c.attempt, Answers: c.answer, Want: c.want})
	}
	extensiontest.Run(t, password.Factory, cases...)
}

// asked is a person at the step.
type asked struct {
	*testing.T
	*extensiontest.Stage
	parts   extension.Parts
	attempt *flow.Attempt
}

func ask(t *testing.T, config string, who func(*flow.Attempt)) *asked {
	t.Helper()
	s := extensiontest.NewStage("password")
	s.Members.Put(onFile(member.StatusActive))
	a := &asked{T: t, Stage: s, parts: s.Open(t, password.Factory(), config), attempt: s.Attempt()}
	who(a.attempt)
	return a
}

func (a *asked) post(password string) flow.Outcome {
	a.Helper()
	out, err := a.parts.Step.Resume(a.Context(), a.attempt, typed(password))
	if err != nil {
		a.Fatal(err)
	}
	return out
}

// crash posts while a call of Keycloak is broken, as if the program died there.
func (a *asked) crash(call string) {
	a.Helper()
	a.Realm.Break(call, errors.New("no answer"))
	if out, err := a.parts.Step.Resume(a.Context(), a.attempt, typed(chosen)); err == nil {
		a.Fatalf("got %+v with %s broken", out, call)
	}
	a.Realm.Break(call, nil)
}

func (a *asked) account(number member.KVNR) account.Account {
	a.Helper()
	acc, err := a.Realm.Find(a.Context(), number)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		a.Fatal(err)
	}
	return acc
}

// recall signs the person in and asks what is owed.
func (a *asked) recall(who account.Account) flow.Proof {
	a.Helper()
	login := a.Attempt()
	login.Number, login.Account = a.attempt.Number, who.ID
	proof, err := a.parts.Step.(flow.Recaller).Recall(a.Context(), login)
	if err != nil {
		a.Fatal(err)
	}
	return proof
}

func TestAccountIsMadeWithNameAndMail(t *testing.T) {
	a := ask(t, "", registers)
	out := a.post(chosen)
	acc := a.account(newcomer)
	if out.Kind != flow.IsDone || out.Proof.Account != acc.ID || acc.ID == "" || a.Realm.Password(acc.ID) != chosen {
		t.Fatalf("got %+v for %+v", out, acc)
	}
	if diff := cmp.Diff(account.New{Number: newcomer, Given: "Mia", Surname: "Neu", Mail: "mia@kasse.example", Password: chosen}, a.Realm.Made()[0]); diff != "" {
		t.Error(diff)
	}
	want := []notify.Notice{{Kind: notify.AccountCreated, ID: "password/" + string(a.attempt.ID), Number: newcomer, Account: acc.ID, At: a.Clock.Now()}}
	if diff := cmp.Diff(want, a.Notices.Sent()); diff != "" {
		t.Error(diff)
	}
}

func TestRecoveryEndsEverySession(t *testing.T) {
	a := ask(t, "", recovers)
	a.Realm.SignIn(extensiontest.Account)
	if out := a.post(chosen); out.Kind != flow.IsDone || out.Proof.Account != extensiontest.Account {
		t.Fatalf("got %+v", out)
	}
	if live := a.Realm.Live(extensiontest.Account); len(live) != 0 || a.Realm.Password(extensiontest.Account) != chosen {
		t.Errorf("%v live on", live)
	}
	if sent := a.Notices.Sent(); len(sent) != 1 || sent[0].Kind != notify.PasswordChanged {
		t.Errorf("sent %+v", sent)
	}
}

func TestASecondAnswerChangesNothing(t *testing.T) {
	a := ask(t, "", registers)
	first := a.post(chosen)
	second := a.post("ein anderer Satz")
	if diff := cmp.Diff(first, second); diff != "" || a.Realm.Password(first.Proof.Account) != chosen {
		t.Errorf("%s", diff)
	}
	if begun, err := a.parts.Step.Begin(t.Context(), a.attempt); err != nil || cmp.Diff(first, begun) != "" {
		t.Errorf("begun again: %+v, %v", begun, err)
	}
}

func TestParallelAnswersMakeOneAccount(t *testing.T) {
	a := ask(t, "", registers)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			own := *a.attempt
			out, err := a.parts.Step.Resume(t.Context(), &own, typed(chosen))
			if err == nil && out.Kind != flow.IsDone && out.Kind != flow.IsShow {
				t.Errorf("got %+v", out)
			}
		})
	}
	group.Wait()
	if made := a.Realm.Made(); len(made) != 1 {
		t.Errorf("%d accounts were made", len(made))
	}
}

// TestInterrupted goes on after a crash: in the same attempt, or by signing in.
func TestInterrupted(t *testing.T) {
	t.Run("before the account was made", func(t *testing.T) {
		a := ask(t, "", registers)
		a.crash("Create")
		if out := a.post(chosen); out.Kind != flow.IsShow || out.View.Problems[0].Key != "problem.busy" {
			t.Errorf("at once: %+v", out)
		}
		a.Clock.Pass(12 * time.Second)
		if out := a.post(chosen); out.Kind != flow.IsDone {
			t.Errorf("later: %+v", out)
		}
	})
	t.Run("after the account was made", func(t *testing.T) {
		a := ask(t, "", registers)
		a.Realm.Lose("Create")
		if _, err := a.parts.Step.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
			t.Fatal("no error though the answer was lost")
		}
		acc := a.account(newcomer)
		if acc.ID == "" {
			t.Fatal("there is no account")
		}
		if a.recall(acc).Kind == "" {
			t.Error("whoever signs in with the chosen password is not remembered")
		}
		a.Clock.Pass(12 * time.Second)
		if out := a.post("ein anderer Satz"); out.Kind != flow.IsDone || out.Proof.Account != acc.ID || a.Realm.Password(acc.ID) != "ein anderer Satz" {
			t.Errorf("later: %+v", out)
		}
	})
	t.Run("and never taken up again", func(t *testing.T) {
		a := ask(t, "", registers)
		a.Realm.Lose("Create")
		if _, err := a.parts.Step.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
			t.Fatal("no error though the answer was lost")
		}
		if err := a.Outbox.Flush(t.Context(), a.parts.Run); err == nil {
			t.Error("followed up while it may still be under way")
		}
		a.Clock.Pass(time.Minute)
		if err := a.Outbox.Flush(t.Context(), a.parts.Run); err != nil || len(a.Outbox.Queued()) != 0 {
			t.Errorf("%v, %d wait", err, len(a.Outbox.Queued()))
		}
		if sent := a.Notices.Sent(); len(sent) != 1 || sent[0].Kind != notify.AccountCreated || sent[0].Account == "" {
			t.Errorf("sent %+v", sent)
		}
		if a.recall(a.account(newcomer)).Kind == "" {
			t.Error("whoever signs in is not remembered")
		}
	})
}

func TestInterruptedBetweenPasswordAndSessions(t *testing.T) {
	a := ask(t, "", recovers)
	a.Realm.SignIn(extensiontest.Account)
	a.crash("EndAll")
	if a.recall(a.account(extensiontest.Number)).Kind != "" {
		t.Error("owed before the sessions ended")
	}
	a.Clock.Pass(time.Minute)
	if err := a.Outbox.Flush(t.Context(), a.parts.Run); err != nil {
		t.Error(err)
	}
	if live := a.Realm.Live(extensiontest.Account); len(live) != 0 {
		t.Errorf("%v live on", live)
	}
	if sent := a.Notices.Sent(); len(sent) != 1 || sent[0].Kind != notify.PasswordChanged {
		t.Errorf("sent %+v", sent)
	}
}

// TestARefusalAfterACrash: the first try has set the password and no more; a
// second one is refused. What the first left open is closed all the same.
func TestARefusalAfterACrash(t *testing.T) {
	a := ask(t, "", recovers)
	a.Realm.SignIn(extensiontest.Account)
	a.crash("EndAll")
	a.Clock.Pass(12 * time.Second)
	a.Realm.Break("SetPassword", &account.PasswordError{Key: "invalidPasswordHistoryMessage"})
	if out := a.post(chosen); out.Kind != flow.IsShow || out.View.Problems[0].Key != "problem.used" {
		t.Fatalf("got %+v", out)
	}
	a.Clock.Pass(time.Minute)
	if err := a.Outbox.Flush(t.Context(), a.parts.Run); err != nil {
		t.Error(err)
	}
	if live := a.Realm.Live(extensiontest.Account); len(live) != 0 || len(a.Notices.Sent()) != 1 {
		t.Errorf("%v live on, %d notices", live, len(a.Notices.Sent()))
	}
}

// TestANoticeThatFailedIsSentByTheNextLook: nobody gets further untold.
func TestANoticeThatFailedIsSentByTheNextLook(t *testing.T) {
	a := ask(t, "", registers)
	a.Notices.Break(errors.New("no database"))
	if out, err := a.parts.Step.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
		t.Fatalf("got %+v", out)
	}
	if out, err := a.parts.Step.Begin(t.Context(), a.attempt); err == nil {
		t.Fatalf("got %+v", out)
	}
	a.Notices.Break(nil)
	if out, err := a.parts.Step.Begin(t.Context(), a.attempt); err != nil || out.Kind != flow.IsDone || len(a.Notices.Sent()) != 1 {
		t.Errorf("got %+v, %v, %d notices", out, err, len(a.Notices.Sent()))
	}
}

// TestAnAccountThatCameLateIsStillTheirs: Keycloak carries out a Create for
// which nobody waits any more, while the next one is on its way.
func TestAnAccountThatCameLateIsStillTheirs(t *testing.T) {
	a := ask(t, "", registers)
	a.crash("Create")
	a.Clock.Pass(15 * time.Second)
	late := account.Account{ID: "late", Username: newcomer.Username(), Enabled: true, Created: a.Clock.Now()}
	a.Realm.Break("Create", account.ErrExists)
	if out := a.post(chosen); out.Kind != flow.IsShow || out.View.Problems[0].Key != "problem.moved" {
		t.Fatalf("got %+v", out)
	}
	a.Realm.Put(late)
	if a.recall(late).Kind == "" {
		t.Error("whoever signs in with the chosen password is not remembered")
	}
	if out := a.post(chosen); out.Kind != flow.IsDone || out.Proof.Account != "late" {
		t.Errorf("got %+v", out)
	}
}

func TestNothingIsOwedToOthers(t *testing.T) {
	owed := func(t *testing.T, who func(*flow.Attempt)) *asked {
		a := ask(t, "", who)
		if out := a.post(chosen); out.Kind != flow.IsDone {
			t.Fatalf("got %+v", out)
		}
		return a
	}
	t.Run("owed", func(t *testing.T) {
		a := owed(t, recovers)
		if p := a.recall(a.account(extensiontest.Number)); p.Kind != "password" || p.Note != "nect case c-17" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("another account", func(t *testing.T) {
		a := owed(t, recovers)
		if p := a.recall(account.Account{ID: "another"}); p.Kind != "" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("whoever has another means of signing in", func(t *testing.T) {
		a := owed(t, recovers)
		a.Realm.Enrol(extensiontest.Account, account.Authenticator{ID: "k", Type: "webauthn"})
		if p := a.recall(a.account(extensiontest.Number)); p.Kind != "" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("forgotten once the role is given", func(t *testing.T) {
		a := owed(t, registers)
		acc := a.account(newcomer)
		login := a.Attempt()
		login.Number, login.Account = newcomer, acc.ID
		for range 2 {
			if err := a.parts.Step.(flow.Recaller).Forget(t.Context(), login); err != nil {
				t.Fatal(err)
			}
		}
		if p := a.recall(acc); p.Kind != "" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("after a day", func(t *testing.T) {
		a := owed(t, registers)
		a.Clock.Pass(24 * time.Hour)
		if p := a.recall(a.account(newcomer)); p.Kind != "" {
			t.Errorf("got %+v", p)
		}
	})
}

func TestAnAccountOfAnotherHandIsNotTheirs(t *testing.T) {
	t.Run("made by somebody else", func(t *testing.T) {
		for _, since := range []time.Duration{-time.Hour, -11 * time.Second, 61 * time.Second, time.Hour} {
			a := ask(t, "", registers)
			a.crash("Create")
			acc := account.Account{ID: "other", Username: newcomer.Username(), Enabled: true, Created: a.Clock.Now().Add(since)}
			a.Realm.Put(acc)
			if p := a.recall(acc); p.Kind != "" {
				t.Errorf("made %v after: %+v", since, p)
			}
			a.Clock.Pass(time.Minute)
			if out := a.post(chosen); out.Kind != flow.IsDeny || out.Key != "denied.exists" {
				t.Errorf("made %v after: %+v", since, out)
			}
		}
	})
	t.Run("a refused password", func(t *testing.T) {
		a := ask(t, "min_length: 8", registers)
		a.post("12345678a")
		acc := account.Account{ID: "other", Username: newcomer.Username(), Enabled: true, Created: a.Clock.Now()}
		a.Realm.Put(acc)
		if p := a.recall(acc); p.Kind != "" {
			t.Errorf("got %+v", p)
		}
	})
}

func TestADraftIsRefused(t *testing.T) {
	for name, change := range map[string]func(*flow.Attempt){
		"draft":          func(a *flow.Attempt) { a.ID = "" },
		"no number":      func(a *flow.Attempt) { a.Number = "" },
		"not identified": func(a *flow.Attempt) { a.Kinds = nil },
	} {
		a := ask(t, "", registers)
		change(a.attempt)
		if out, err := a.parts.Step.Resume(t.Context(), a.attempt, typed(chosen)); err == nil {
			t.Errorf("%s: got %+v", name, out)
		}
		if len(a.Realm.Made()) != 0 {
			t.Errorf("%s: an account was made", name)
		}
	}
}

func TestKeycloaksRefusalsAreToldInPlainWords(t *testing.T) {
	for key, want := range map[string]string{
		"invalidPasswordMinDigitsMessage": "problem.digits", "invalidPasswordBlacklistedMessage": "problem.common",
		"invalidPasswordHistoryMessage": "problem.used", "invalidPasswordNotEmailMessage": "problem.mail",
		"invalidPasswordOfTomorrowMessage": "problem.refused",
	} {
		a := ask(t, "", registers)
		a.Realm.Break("Create", &account.PasswordError{Key: key, Numbers: []int{2}})
		if out := a.post(chosen); out.Kind != flow.IsShow || out.View.Problems[0].Key != want {
			t.Errorf("%s: got %+v", key, out)
		}
	}
	a := ask(t, "", registers) // a figure that is not there is not made up
	a.Realm.Break("Create", &account.PasswordError{Key: "invalidPasswordMinDigitsMessage"})
	if out := a.post(chosen); out.View.Problems[0].Key != "problem.refused" {
		t.Errorf("without figure: got %+v", out)
	}
}
