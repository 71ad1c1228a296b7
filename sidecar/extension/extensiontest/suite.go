package extensiontest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// Case is one way through an extension.
type Case struct {
	Name   string
	Config string // YAML of the `config:` block
	// Arrange prepares the stage before the extension is opened; may be nil.
	Arrange func(*Stage)
	// Attempt changes the attempt of Person's that the step is asked with; may be nil.
	Attempt func(*flow.Attempt)
	Answers []flow.Input // posted one after the other, after Begin
	Want    Want         // what the last of it leads to
}

// Want is an outcome as far as a test cares.
type Want struct {
	Kind    flow.OutcomeKind
	Page    string // of Show and Park
	Problem string // key of the first problem on the page
	Key     string // of Deny
}

// Run holds an extension to what every extension owes. factory is its own;
// each case is walked, and is the ground for the other tests. A step needs a
// case that ends with Done, or it has not been shown to work. The extension's
// README.md is read in the working directory.
func Run(t *testing.T, factory func() extension.Factory, cases ...Case) {
	t.Helper()
	s := suite{factory: factory, cases: cases}
	t.Run("configuration", s.configuration)
	parts := s.open(t, cases[0]).parts
	s.judge = newJudge(t, factory().Place, parts)
	t.Run("catalogues and pages", s.pages)
	t.Run("readme", s.readme)
	t.Run("cases", s.walk)
	if parts.Step == nil {
		return
	}
	t.Run("ends with done", s.done)
	t.Run("begin may be repeated", s.begin)
	t.Run("offer has no effect", s.offer)
	t.Run("hostile input", s.hostile)
	t.Run("broken ports", s.broken)
	t.Run("parallel answers", s.parallel)
}

type suite struct {
	factory func() extension.Factory
	cases   []Case
	judge   *judge
}

// opened is a case on its stage.
type opened struct {
	*Stage
	t       *testing.T
	parts   extension.Parts
	attempt *flow.Attempt
	judge   *judge
}

func (s suite) open(t *testing.T, c Case) opened {
	t.Helper()
	o := opened{Stage: NewStage("mine"), t: t, judge: s.judge}
	if c.Arrange != nil {
		c.Arrange(o.Stage)
	}
	o.parts = o.Open(t, s.factory(), c.Config)
	o.attempt = o.Attempt()
	if c.Attempt != nil {
		c.Attempt(o.attempt)
	}
	return o
}

// each runs fn for every case.
func (s suite) each(t *testing.T, fn func(*testing.T, Case)) {
	t.Helper()
	for _, c := range s.cases {
		t.Run(c.Name, func(t *testing.T) { fn(t, c) })
	}
}

func (s suite) configuration(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		f := s.factory()
		if err := f.Check(Decoder(c.Config)); err != nil {
			t.Errorf("the case's own configuration: %v", err)
		}
		const unknown = "a_key_that_nobody_knows: 1\n"
		if err := f.Check(Decoder(unknown + c.Config)); err == nil || !strings.Contains(err.Error(), "a_key_that_nobody_knows") {
			t.Errorf("an unknown key: %v", err)
		}
		if _, err := f.Open(t.Context(), NewStage("mine").Host, Decoder(unknown+c.Config)); err == nil {
			t.Error("opened with an unknown key")
		}
	})
}

// answered walks a case and leaves out its last answers.
func (o opened) answered(answers []flow.Input) (flow.Outcome, error) {
	out, err := o.parts.Step.Begin(o.t.Context(), o.attempt)
	o.judge.outcome(o.t, out, err, o.attempt)
	if out.Kind == flow.IsKeep {
		o.t.Error("Begin wants the attempt kept: only an answer is worth it")
	}
	for _, in := range answers {
		out, err = o.parts.Step.Resume(o.t.Context(), o.attempt, in)
		o.judge.outcome(o.t, out, err, o.attempt)
	}
	return out, err
}

func (s suite) walk(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		o := s.open(t, c)
		if o.parts.Step == nil {
			return
		}
		out, err := o.answered(c.Answers)
		if err != nil {
			t.Fatalf("the walk ends with an error: %v", err)
		}
		got := Want{Kind: out.Kind, Page: out.View.Page, Key: out.Key}
		if len(out.View.Problems) > 0 {
			got.Problem = out.View.Problems[0].Key
		}
		if got != c.Want {
			t.Errorf("got %+v, want %+v", got, c.Want)
		}
		if out.Kind == flow.IsKeep && len(c.Answers) > 0 {
			o.kept(c.Answers[len(c.Answers)-1])
		}
		o.silent(t, c)
	})
}

// kept stores the draft, as the engine does, and gives the step its answer again.
func (o opened) kept(in flow.Input) {
	o.attempt.ID = flow.Secret{2}.ID()
	out, err := o.parts.Step.Resume(o.t.Context(), o.attempt, in)
	if err != nil {
		o.t.Errorf("the answer to what was kept: %v", err)
	}
	o.judge.outcome(o.t, out, err, o.attempt)
}

func (s suite) done(t *testing.T) {
	for _, c := range s.cases {
		if c.Want.Kind == flow.IsDone && len(c.Answers) > 0 {
			return
		}
	}
	t.Error("no case ends with Done")
}

func (s suite) begin(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		o := s.open(t, c)
		first, err := o.parts.Step.Begin(t.Context(), o.attempt)
		if err != nil {
			t.Fatal(err)
		}
		records, taken := o.Records.Len(), len(o.Counters.Taken())
		for range 3 {
			again, err := o.parts.Step.Begin(t.Context(), o.attempt)
			if err != nil || again.Kind != first.Kind || again.View.Page != first.View.Page || again.Key != first.Key {
				t.Fatalf("begun again: %+v, %v; before: %+v", again, err, first)
			}
		}
		if o.Records.Len() != records || len(o.Counters.Taken()) != taken || taken > 0 {
			t.Error("Begin counted a try, or made a record each time")
		}
	})
}

func (s suite) offer(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		o := s.open(t, c)
		if o.parts.Offer == nil {
			return
		}
		records := o.Records.Len()
		for range 3 {
			offer, err := o.parts.Offer(t.Context(), o.attempt)
			if err != nil {
				t.Fatal(err)
			}
			if offer.Title == "" || offer.Available && offer.Reason != "" {
				t.Errorf("offer %+v: without a title, or available with a reason why not", offer)
			}
			for _, key := range []string{offer.Title, offer.Needs, offer.Takes, offer.Reason} {
				o.judge.key(t, key)
			}
		}
		if o.Records.Len() != records || len(o.Counters.Taken())+len(o.Audit.Entries()) > 0 {
			t.Error("an offer had an effect")
		}
	})
}

// broken breaks each port that the way to Done used, and expects that this
// way is shut then: nothing is concluded from what could not be asked.
func (s suite) broken(t *testing.T) {
	down := errors.New("down")
	for _, c := range s.cases {
		if c.Want.Kind != flow.IsDone {
			continue
		}
		probe := s.open(t, c)
		if _, err := probe.answered(c.Answers); err != nil {
			t.Fatal(err)
		}
		for port, p := range map[string]struct {
			used bool
			cut  func(*Stage)
		}{
			"members":   {probe.Members.Asked() > 0, func(s *Stage) { s.Members.Break(down) }},
			"counters":  {len(probe.Counters.Taken()) > 0, func(s *Stage) { s.Counters.Break(down) }},
			"records":   {probe.Records.Used() > 0, func(s *Stage) { s.Records.Break(down) }},
			"accounts":  {len(probe.Realm.Calls()) > 0, func(s *Stage) { s.Realm.Break("", down) }},
			"approvals": {len(probe.Approvals.Asked()) > 0, func(s *Stage) { s.Approvals.FailWith(down) }},
			"audit":     {len(probe.Audit.Entries()) > 0, func(s *Stage) { s.Audit.FailWith(down) }},
		} {
			if !p.used {
				continue
			}
			t.Run(fmt.Sprintf("%s without %s", c.Name, port), func(t *testing.T) {
				s.shut(t, c, p.cut)
			})
		}
	}
}

// shut walks a case with a broken port, once broken from the beginning, once
// for the last answer only.
func (s suite) shut(t *testing.T, c Case, breakPort func(*Stage)) {
	t.Helper()
	for _, healthy := range []int{0, len(c.Answers) - 1} {
		o := s.open(t, c)
		if healthy > 0 {
			if _, err := o.answered(c.Answers[:healthy]); err != nil {
				t.Fatal(err)
			}
		}
		breakPort(o.Stage)
		var out flow.Outcome
		var err error
		for _, in := range c.Answers[healthy:] {
			out, err = o.parts.Step.Resume(t.Context(), o.attempt, in)
			if err == nil {
				o.judge.outcome(t, out, err, o.attempt)
			}
		}
		if out.Kind == flow.IsDone && err == nil {
			t.Errorf("done, though a port that it needs is broken (after %d answers)", healthy)
		}
		o.silent(t, c)
	}
}

// parallel posts the answers of each case from many browsers at once.
func (s suite) parallel(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		o := s.open(t, c)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				own := o
				a := *o.attempt
				own.attempt = &a
				_, _ = own.answered(c.Answers)
			})
		}
		wg.Wait()
	})
}

// silent makes sure that nothing personal was logged, stands in the open part
// of the audit, or is named by a counter.
func (o opened) silent(t *testing.T, c Case) {
	t.Helper()
	secrets := personal(o.attempt)
	for _, in := range c.Answers {
		secrets = append(secrets, typed(in.Form)...)
	}
	open := o.Log() + strings.Join(o.Counters.Taken(), " ")
	for _, e := range o.Audit.Entries() {
		open += fmt.Sprintf(" %s %s %s %s %s", e.Action, e.Step, e.Client, e.Result, e.Ref)
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(open), strings.ToLower(secret)) {
			t.Errorf("something personal (%d characters) stands in the log, a counter's name or the open part of the audit:\n%s", len(secret), open)
		}
	}
}

func personal(a *flow.Attempt) []string {
	p := Person()
	out := []string{p.Surname, p.Given, p.BirthName, p.BirthDate, p.Mail, p.Cards[0].LastFour}
	if a.Number != "" {
		out = append(out, string(a.Number))
	}
	return append(out, string(Number))
}

// typed returns what of a form may be personal: values of four digits and more.
func typed(form url.Values) []string {
	var out []string
	for _, values := range form {
		for _, v := range values {
			if strings.Count(strings.Map(digit, v), "0") >= 4 {
				out = append(out, v)
			}
		}
	}
	return out
}

func digit(r rune) rune {
	if r >= '0' && r <= '9' {
		return '0'
	}
	return r
}
