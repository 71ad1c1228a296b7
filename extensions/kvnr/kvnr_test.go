package kvnr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/kvnr"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// before is an attempt before Keycloak: nobody is known.
func before(a *flow.Attempt) {
	*a = flow.Attempt{Flow: flow.Login, Client: "webcenter", Address: a.Address, Language: "de", Step: a.Step}
}

// loginAlone configures no other flow.
func loginAlone(s *extensiontest.Stage) { s.Host.Flows = []flow.Name{flow.Login} }

func posts(namesAndValues ...string) []flow.Input {
	var out []flow.Input
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		out = append(out, extensiontest.Post(namesAndValues[i], namesAndValues[i+1]))
	}
	return out
}

func TestExtension(t *testing.T) {
	show := func(page string) extensiontest.Want { return extensiontest.Want{Kind: flow.IsShow, Page: page} }
	wrong := func(problem string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsShow, Page: "number", Problem: "problem." + problem}
	}
	texts := "registration_text: {de: \"Eins.\\n\\nZwei.\", en: One.}\nrecovery_text: {de: Drei.}"
	const alone = "strict: true"
	var cases []extensiontest.Case
	for name, c := range map[string]struct {
		config  string
		answers []flow.Input
		want    extensiontest.Want
	}{
		"number":               {"", posts(), show("number")},
		"choice":               {"", posts("number", " a123 456-780 "), show("choice")},
		"long form":            {"", posts("number", "A1234567801015755197"), show("choice")},
		"sign in":              {"", posts("number", "A123456780", "wish", "sign_in"), extensiontest.Want{Kind: flow.IsDone}},
		"register":             {"", posts("number", "A123456780", "wish", "register"), extensiontest.Want{Kind: flow.IsEnter}},
		"recover":              {"", posts("number", "A123456780", "wish", "recover"), extensiontest.Want{Kind: flow.IsEnter}},
		"no flow to register":  {alone, posts("number", "A123456780", "wish", "register"), show("elsewhere")},
		"no flow to recover":   {alone, posts("number", "A123456780", "wish", "recover"), show("elsewhere")},
		"register, own text":   {texts, posts("number", "A123456780", "wish", "register"), show("elsewhere")},
		"back to the choice":   {alone, posts("number", "A123456780", "wish", "register", "wish", "back"), show("choice")},
		"other number":         {"", posts("number", "A123456780", "wish", "number"), show("number")},
		"other number, again":  {"", posts("number", "A123456780", "wish", "number", "number", "B123456782", "wish", "sign_in"), extensiontest.Want{Kind: flow.IsDone}},
		"no wish":              {"", posts("number", "A123456780", "wish", ""), extensiontest.Want{Kind: flow.IsShow, Page: "choice", Problem: "problem.wish"}},
		"empty":                {"", posts("number", " "), wrong("empty")},
		"short":                {"", posts("number", "A12345678"), wrong("length")},
		"one letter":           {"", posts("number", "A1"), wrong("length")},
		"no letter":            {"", posts("number", "123456780"), wrong("no_letter")},
		"letter O":             {"", posts("number", "A12345678O"), wrong("lookalike")},
		"pension number":       {"", posts("number", "15070649C103"), wrong("pension_number")},
		"card number":          {"", posts("number", "8027 6883 1100 0011 3311"), wrong("card_number")},
		"other":                {"", posts("number", "AA23456780"), wrong("form")},
		"check digit":          {"", posts("number", "A123456789"), wrong("check_digit")},
		"check digit, allowed": {"strict: false", posts("number", "A123456789"), show("choice")},
	} {
		made := extensiontest.Case{Name: name, Config: c.config, Attempt: before, Answers: c.answers, Want: c.want}
		if c.config == alone || c.config == texts {
			made.Arrange = loginAlone
		}
		cases = append(cases, made)
	}
	extensiontest.Run(t, kvnr.Factory, cases...)
}

// The page after the number must not tell who is insured, and nothing may be
// asked or counted to make it.
func TestNobodyIsLookedUp(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	var pages []flow.Outcome
	for _, number := range []string{"A123456780", "Z999999997"} { // on file, and not
		a := s.Attempt()
		before(a)
		out, err := extensiontest.Walk(t.Context(), parts.Step, a, posts("number", number)...)
		if err != nil || a.Number != member.KVNR(number) {
			t.Fatalf("number %v, %v", a.Number, err)
		}
		out.View.Data = strings.NewReplacer("A123 456 780", "N", "Z999 999 997", "N").Replace(asText(out.View.Data))
		pages = append(pages, out)
	}
	if diff := cmp.Diff(pages[0], pages[1]); diff != "" {
		t.Errorf("the pages differ:\n%s", diff)
	}
	if s.Members.Asked()+len(s.Realm.Calls())+s.Records.Used()+len(s.Counters.Taken())+len(s.Audit.Entries()) > 0 {
		t.Error("a port was used")
	}
}

func TestAnotherNumberReplacesTheFirst(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	a := s.Attempt()
	before(a)
	if _, err := extensiontest.Walk(t.Context(), parts.Step, a, posts("number", "A123456780", "wish", "number", "number", "B123456782")...); err != nil || a.Number != "B123456782" {
		t.Errorf("number %q, %v", string(a.Number), err)
	}
}

func TestAFieldThatComesTwiceSaysNothing(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	a := s.Attempt()
	before(a)
	out, err := extensiontest.Walk(t.Context(), parts.Step, a, extensiontest.Post("number", "A123456780", "number", "B123456782"))
	if err != nil || a.Number != "" || out.View.Problems[0].Key != "problem.empty" {
		t.Errorf("number %q, %+v, %v", string(a.Number), out, err)
	}
}

func TestTheOperatorsText(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	loginAlone(s)
	config := "registration_text: {de: \"Eins.\\n \\n\\nZwei.\", en: One.}\nrecovery_text: {de: Drei.}"
	for name, c := range map[string]struct{ lang, wish, want string }{
		"two paragraphs":       {"de", "register", "[Eins. Zwei.]"},
		"the other language":   {"en", "register", "[One.]"},
		"what there is of one": {"en", "recover", "[Drei.]"},
	} {
		parts := s.Open(t, kvnr.Factory(), config)
		a := s.Attempt()
		before(a)
		a.Language = c.lang
		out, err := extensiontest.Walk(t.Context(), parts.Step, a, posts("number", "A123456780", "wish", c.wish)...)
		if err != nil || !strings.Contains(asText(out.View.Data), c.want) {
			t.Errorf("%s: %s, %v; want %s", name, asText(out.View.Data), err, c.want)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	for config, want := range map[string]string{
		"registration_text: {fr: Bonjour}":                       "neither de nor en",
		"recovery_text: {de: \" \"}":                             "is empty",
		"recovery_text: {de: " + strings.Repeat("x", 5000) + "}": "over 4096 bytes",
	} {
		if err := kvnr.Factory().Check(extensiontest.Decoder(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", config, err, want)
		}
	}
}

func TestALongFormInDoubtIsSaidToTheOperator(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	for long, want := range map[string]bool{"A1234567801015755191": true, "A123456780": false} {
		a := s.Attempt()
		before(a)
		was := s.Log()
		if _, err := extensiontest.Walk(t.Context(), parts.Step, a, posts("number", long)...); err != nil || a.Number != "A123456780" {
			t.Errorf("number %v, %v", a.Number, err)
		}
		if (s.Log() != was) != want || strings.Contains(s.Log(), "123456780") {
			t.Errorf("%d places: logged %q", len(long), s.Log())
		}
	}
}

func asText(v any) string { return fmt.Sprintf("%+v", v) }

// After Keycloak's login the number is known, and choosing to sign in proves
// nothing: a flow that asks there must not identify anybody.
func TestNothingIsProvenAfterTheLogin(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	for name, number := range map[string]member.KVNR{"number known": extensiontest.Number, "number unknown": ""} {
		a := s.Attempt()
		a.Number = number
		if out, err := parts.Step.Begin(t.Context(), a); err == nil {
			t.Errorf("%s: begun with %+v", name, out)
		}
		if out, err := parts.Step.Resume(t.Context(), a, extensiontest.Post("wish", "sign_in")); err == nil {
			t.Errorf("%s: resumed with %+v", name, out)
		}
	}
}

// Where there is a flow for the wish, it is entered; the person signs in where
// the login is.
func TestTheWishOpensItsFlow(t *testing.T) {
	s := extensiontest.NewStage("kvnr")
	parts := s.Open(t, kvnr.Factory(), "")
	for _, c := range []struct {
		in   flow.Name
		wish string
		want flow.Outcome
	}{
		{flow.Login, "register", flow.Enter(flow.Registration)},
		{flow.Login, "recover", flow.Enter(flow.Recovery)},
		{flow.Login, "sign_in", flow.Done(flow.Proof{Kind: "kvnr"})},
		{flow.Registration, "register", flow.Done(flow.Proof{Kind: "kvnr"})},
		{flow.Registration, "recover", flow.Enter(flow.Recovery)},
		{flow.Recovery, "sign_in", flow.Enter(flow.Login)},
	} {
		a := s.Attempt()
		before(a)
		a.Flow = c.in
		out, err := extensiontest.Walk(t.Context(), parts.Step, a, posts("number", "A123456780", "wish", c.wish)...)
		if diff := cmp.Diff(c.want, out); err != nil || diff != "" || a.Number != "A123456780" {
			t.Errorf("%s in %s: %v, %s", c.wish, c.in, err, diff)
		}
	}
}
