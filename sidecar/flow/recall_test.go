package flow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// remembering is a closing step that recalls.
type remembering struct {
	flowtest.Step
	proof flow.Proof
	err   error
	log   *[]string
}

func (s *remembering) Recall(_ context.Context, a *flow.Attempt) (flow.Proof, error) {
	*s.log = append(*s.log, "recall "+string(a.Step)+" "+string(a.Account))
	return s.proof, s.err
}

func (s *remembering) Forget(_ context.Context, a *flow.Attempt) error {
	*s.log = append(*s.log, "forget "+string(a.Step)+" "+string(a.Account))
	return s.err
}

// signedIn is a login at its beginning, in an engine with a registration.
func signedIn(t *testing.T, proof flow.Proof) (*stage, *remembering) {
	t.Helper()
	r := &remembering{proof: proof, log: new([]string)}
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}, "password": r, "review": flowtest.Step{}}, flow.Entry{"a"})
	s.plan(func(p *flow.Plan) { p.After = names{"review"} })
	later := flow.Plan{Front: names{"front"}, Back: []flow.Entry{{"nect"}}, After: names{"password"}}
	s.Plans[flow.Registration], s.Plans[flow.Recovery] = later, later
	return s, r
}

// What a closing step is told of the proofs before it fits into the note of its
// own, which stands for them when it recalls.
func TestAClosingStepKnowsTheEvidence(t *testing.T) {
	long := strings.Repeat("x", 197)
	for name, c := range map[string]struct{ a, b, want string }{
		"notes":             {"case c-17", "by post", "case c-17; by post"},
		"no note":           {"", "by post", "kind_a; by post"},
		"as long as may be": {long, "x", long + "; x"},
		"longer":            {long, "ü", long + "; "},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			s := enter(t, map[flow.StepName]flow.Step{
				"a": flowtest.Always(flow.Done(flow.Proof{Note: c.a})),
				"b": flowtest.Always(flow.Done(flow.Proof{Note: c.b})),
				"review": flowtest.Step{OnBegin: func(_ context.Context, a *flow.Attempt) (flow.Outcome, error) {
					told = append(told, a.Evidence)
					a.Evidence = "forged"
					return flow.Show(flow.View{Page: "ask"}), nil
				}},
			}, flow.Entry{"a"}, flow.Entry{"b"})
			s.plan(func(p *flow.Plan) { p.After = names{"review"} })
			s.look()
			s.look()
			want := []string{c.want, c.want}
			if !slices.Equal(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
		})
	}
}

func TestAnIdentificationIsRecalled(t *testing.T) {
	s, r := signedIn(t, flow.Proof{Kind: "k", Note: "nect", Account: "a1"})
	for range 2 {
		if err := s.Recall(t.Context(), s.id); err != nil {
			t.Fatal(err)
		}
	}
	s.at(s.look(), flow.Open, "review", flow.IsShow)
	s.at(s.answer("review", "right"), flow.Proven, "", flow.None)
	if err := s.Forget(t.Context(), s.record()); err != nil {
		t.Fatal(err)
	}
	if got := *r.log; len(got) != 2 || got[0] != "recall password a1" || got[1] != "forget password a1" {
		t.Errorf("asked %q", got)
	}
	if rec := s.record(); rec.Proofs["password"].Note != "nect" || rec.Recalled != "password" {
		t.Errorf("%+v", rec)
	}
}

func TestNothingIsRecalled(t *testing.T) {
	well := flow.Proof{Kind: "k", Account: "a1"}
	for name, c := range map[string]struct {
		proof flow.Proof
		err   error
		begin func(*stage)
		fails bool
	}{
		"nothing owed":        {flow.Proof{}, nil, nil, false},
		"another's account":   {flow.Proof{Kind: "k", Account: "a2"}, nil, nil, true},
		"nobody's account":    {flow.Proof{Kind: "k"}, nil, nil, true},
		"the store is silent": {well, errors.New("down"), nil, true},
		"under way":           {well, nil, func(s *stage) { s.answer("a", "wrong") }, false},
		"refused":             {well, nil, func(s *stage) { s.answer("a", "never") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := signedIn(t, c.proof)
			r.err = c.err
			if c.begin != nil {
				c.begin(s)
			}
			if err := s.Recall(t.Context(), s.id); (err != nil) != c.fails {
				t.Errorf("Recall: %v", err)
			}
			if rec := s.record(); rec.Recalled != "" || len(rec.Proofs) > 0 {
				t.Errorf("%+v", rec)
			}
		})
	}
}

// A proof of a closing step passes Back only where Recall has put it.
func TestAClosingProofAloneRecallsNothing(t *testing.T) {
	plan := flow.Plan{Keycloak: true, Back: []flow.Entry{{"a"}}}
	for name, c := range map[string]struct {
		change func(*flow.Record)
		want   string
	}{
		"recalled":        {func(*flow.Record) {}, "prove"},
		"not recalled":    {func(r *flow.Record) { r.Recalled = "" }, "ask"},
		"another's proof": {func(r *flow.Record) { r.Recalled = "terms" }, "ask"},
		"no login":        {func(r *flow.Record) { r.Flow = flow.Registration }, "ask"},
		"no account":      {func(r *flow.Record) { r.Account = "" }, "refuse"},
	} {
		r := flow.Record{Attempt: stored(), Status: flow.Open, Proofs: proofs("password"), Recalled: "password"}
		c.change(&r)
		if act, _, _ := flow.Decide(plan, r); act != c.want {
			t.Errorf("%s: %s, want %s", name, act, c.want)
		}
	}
	r := flow.Record{Attempt: stored(), Status: flow.Open, Proofs: proofs("password"), Recalled: "password"}
	if act, _, _ := flow.Decide(flow.Plan{}, r); act != "refuse" {
		t.Errorf("without a plan: %s", act)
	}
}
