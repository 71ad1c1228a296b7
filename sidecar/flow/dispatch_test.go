package flow_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/sidecar/flow"
)

func proofs(steps ...flow.StepName) map[flow.StepName]flow.Proof {
	m := map[flow.StepName]flow.Proof{}
	for _, s := range steps {
		m[s] = flow.Proof{Kind: "k"}
	}
	return m
}

type names = []flow.StepName

// stored is a login that is no draft.
func stored() flow.Attempt {
	return flow.Attempt{ID: "stored", Flow: flow.Login, Account: "a1"}
}

// The table of the dispatcher, over the plan a, then b or c, then the review.
func TestDispatcher(t *testing.T) {
	plan := flow.Plan{Keycloak: true, Front: names{"front"}, Back: []flow.Entry{{"a"}, {"b", "c"}}, After: names{flow.Authenticators}}
	review := flow.Authenticators
	for name, c := range map[string]struct {
		in   flow.Record
		act  string
		step flow.StepName
		ways names
	}{
		"fresh":                         {flow.Record{}, "ask", "a", names{"a"}},
		"first done":                    {flow.Record{Proofs: proofs("a")}, "ask", "", names{"b", "c"}},
		"first skipped":                 {flow.Record{Skipped: names{"a"}}, "ask", "", names{"b", "c"}},
		"first denied":                  {flow.Record{Denied: names{"a"}}, "refuse", "", nil},
		"proof without a kind":          {flow.Record{Proofs: map[flow.StepName]flow.Proof{"a": {}}}, "ask", "a", names{"a"}},
		"later done, first not":         {flow.Record{Proofs: proofs("b", review)}, "ask", "a", names{"a"}},
		"asked already":                 {flow.Record{Proofs: proofs("a"), Attempt: flow.Attempt{Step: "c"}}, "ask", "c", names{"b", "c"}},
		"asked is of no plan":           {flow.Record{Proofs: proofs("a"), Attempt: flow.Attempt{Step: "x"}}, "ask", "", names{"b", "c"}},
		"asked was denied":              {flow.Record{Proofs: proofs("a"), Attempt: flow.Attempt{Step: "b"}, Denied: names{"b"}}, "ask", "c", names{"c"}},
		"one way denied":                {flow.Record{Proofs: proofs("a"), Denied: names{"c"}}, "ask", "b", names{"b"}},
		"one way skipped":               {flow.Record{Proofs: proofs("a"), Skipped: names{"b"}}, "ask", "c", names{"c"}},
		"both ways denied":              {flow.Record{Proofs: proofs("a"), Denied: names{"c", "b"}}, "refuse", "", nil},
		"one denied, one skipped":       {flow.Record{Proofs: proofs("a"), Denied: names{"c"}, Skipped: names{"b"}}, "refuse", "", nil},
		"both ways skipped":             {flow.Record{Proofs: proofs("a"), Skipped: names{"b", "c"}}, "ask", review, names{review}},
		"one way proven":                {flow.Record{Proofs: proofs("a", "c")}, "ask", review, names{review}},
		"proven though the other not":   {flow.Record{Proofs: proofs("a", "c"), Denied: names{"b"}}, "ask", review, names{review}},
		"all done":                      {flow.Record{Proofs: proofs("a", "b", review)}, "prove", "", nil},
		"review skipped":                {flow.Record{Proofs: proofs("a", "b"), Skipped: names{review}}, "prove", "", nil},
		"review denied":                 {flow.Record{Proofs: proofs("a", "b"), Denied: names{review}}, "refuse", "", nil},
		"one proof is enough":           {flow.Record{Proofs: proofs("c", review), Skipped: names{"a"}}, "prove", "", nil},
		"all skipped":                   {flow.Record{Skipped: names{"a", "b", "c", review}}, "refuse", "", nil},
		"only the review":               {flow.Record{Skipped: names{"a", "b", "c"}, Proofs: proofs(review)}, "refuse", "", nil},
		"proofs of no step of the plan": {flow.Record{Skipped: names{"a", "b", "c", review}, Proofs: proofs("x")}, "refuse", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Status, c.in.ID, c.in.Flow, c.in.Account = flow.Open, "stored", flow.Login, "a1"
			act, step, ways := flow.Decide(plan, c.in)
			if act != c.act || step != c.step || !cmp.Equal(c.ways, ways, cmpopts.EquateEmpty()) {
				t.Errorf("next = %s %q %v, want %s %q %v", act, step, ways, c.act, c.step, c.ways)
			}
		})
	}
}

func TestDispatcherRestsUnlessOpen(t *testing.T) {
	plan := flow.Plan{Back: []flow.Entry{{"a"}}}
	for s := range flow.Parked + 2 {
		act, _, _ := flow.Decide(plan, flow.Record{Attempt: stored(), Status: s, Proofs: proofs("a")})
		if want := map[bool]string{true: "prove", false: "rest"}[s == flow.Open]; act != want {
			t.Errorf("status %d: %s, want %s", s, act, want)
		}
	}
}

func TestZeroPlanRefuses(t *testing.T) {
	if act, _, _ := flow.Decide(flow.Plan{Back: []flow.Entry{{}, {"a"}}}, flow.Record{Attempt: stored(), Status: flow.Open, Proofs: proofs("a")}); act != "refuse" {
		t.Errorf("a plan with an entry of no step: %s, want refuse", act)
	}
	if act, _, _ := flow.Decide(flow.Plan{}, flow.Record{Attempt: stored(), Status: flow.Open, Proofs: proofs("a")}); act != "refuse" {
		t.Errorf("the zero plan: %s, want refuse", act)
	}
}

func drawPlan(t *rapid.T) flow.Plan {
	pool := rapid.Permutation(names{"a", "b", "c", "d", "e", "f"}).Draw(t, "names")
	var p flow.Plan
	for len(pool) > 0 {
		n := rapid.IntRange(1, min(3, len(pool))).Draw(t, "ways")
		p.Back, pool = append(p.Back, pool[:n]), pool[n:]
		if rapid.Bool().Draw(t, "enough") {
			break
		}
	}
	if rapid.Bool().Draw(t, "review") {
		p.After = names{flow.Authenticators}
	}
	return p
}

func drawSteps(t *rapid.T, label string) names {
	return rapid.SliceOfDistinct(rapid.SampledFrom(names{"a", "b", "c", "d", "e", "f", "x", flow.Authenticators}), rapid.ID).Draw(t, label)
}

// passed is the rule in other words than the dispatcher's.
func passed(e flow.Entry, r flow.Record) (byProof, ok bool) {
	skips := 0
	for _, s := range e {
		if r.Proofs[s].Kind != "" {
			return true, true
		}
		if slices.Contains(r.Skipped, s) {
			skips++
		}
	}
	return false, skips == len(e)
}

// Whatever is stored: proven means every entry is done or skipped, and a proof
// stands behind at least one of Back; who asks asks what is left, and no more.
func TestNoWayToProvenWithoutAProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		r := flow.Record{Attempt: stored(), Status: flow.Open, Proofs: proofs(drawSteps(t, "proofs")...), Skipped: drawSteps(t, "skipped"), Denied: drawSteps(t, "denied")}
		r.Step = rapid.SampledFrom(names{"", "a", "c", "x"}).Draw(t, "step")
		act, step, ways := flow.Decide(p, r)
		all, real := true, false
		for _, e := range p.Back {
			byProof, ok := passed(e, r)
			all, real = all && ok, real || byProof
		}
		for _, s := range p.After {
			_, ok := passed(flow.Entry{s}, r)
			all = all && ok
		}
		if got, want := act == "prove", all && real; got != want {
			t.Fatalf("proven %v, want %v (plan %+v, record %+v)", got, want, p, r)
		}
		if act == "ask" && (len(ways) == 0 || step != "" && !slices.Contains(ways, step)) {
			t.Fatalf("asks %q of %v", step, ways)
		}
		for _, w := range ways {
			if slices.Contains(r.Denied, w) || slices.Contains(r.Skipped, w) {
				t.Fatalf("asks %q again", w)
			}
		}
	})
}
