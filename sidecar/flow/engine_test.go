package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

type stage struct {
	*testing.T
	*flow.Engine
	clock *flowtest.Clock
	store *flowtest.Attempts
	id    flow.AttemptID
}

// enter opens an attempt in a flow of these entries.
func enter(t *testing.T, steps map[flow.StepName]flow.Step, back ...flow.Entry) *stage {
	t.Helper()
	clock := flowtest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	store := flowtest.NewAttempts(clock.Now)
	e := &flow.Engine{
		Plans: map[flow.Name]flow.Plan{flow.Login: {Keycloak: true, Front: names{"front"}, Back: back}}, Chambers: flowtest.Chambers(steps),
		Attempts: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	secret, err := e.Open(t.Context(), flow.Record{
		Attempt: flow.Attempt{Flow: flow.Login, Number: "A123456780", Account: "a1", Session: "s1"},
		Held:    []byte("held"),
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return &stage{T: t, Engine: e, clock: clock, store: store, id: secret.ID()}
}

// plan changes the plan of the login.
func (s *stage) plan(change func(*flow.Plan)) {
	p := s.Plans[flow.Login]
	change(&p)
	s.Plans[flow.Login] = p
}

func (s *stage) look() flow.Position {
	s.Helper()
	p, err := s.Look(s.Context(), s.id)
	if err != nil {
		s.Fatalf("Look: %v", err)
	}
	return p
}

func (s *stage) answer(step flow.StepName, answer string) flow.Position {
	s.Helper()
	p, err := s.Answer(s.Context(), s.id, step, posted(answer))
	if err != nil {
		s.Fatalf("Answer: %v", err)
	}
	return p
}

func (s *stage) record() flow.Record {
	s.Helper()
	r, err := s.store.Get(s.Context(), s.id)
	if err != nil {
		s.Fatalf("Get: %v", err)
	}
	return r
}

func (s *stage) at(p flow.Position, status flow.Status, step flow.StepName, out flow.OutcomeKind) {
	s.Helper()
	if p.Record.Status != status || p.Step != step || p.Outcome.Kind != out {
		s.Fatalf("at status %d, step %q, outcome %d; want %d, %q, %d", p.Record.Status, p.Step, p.Outcome.Kind, status, step, out)
	}
}

func posted(answer string) flow.Input {
	return flow.Input{Kind: flow.Posted, Form: url.Values{"answer": {answer}}}
}

func TestWalkToTheRelease(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}, "b": flowtest.Step{}}, flow.Entry{"a"}, flow.Entry{"b"})
	p := s.look()
	s.at(p, flow.Open, "a", flow.IsShow)
	if p.At != 3 || p.Of != 4 || p.Kind != "kind_a" || p.Choice {
		t.Errorf("step %d of %d, kind %q, choice %v; want 3 of 4, kind_a, false", p.At, p.Of, p.Kind, p.Choice)
	}
	s.at(s.answer("a", "wrong"), flow.Open, "a", flow.IsShow)
	s.at(s.answer("a", "right"), flow.Open, "b", flow.IsShow)
	s.at(s.answer("a", "right"), flow.Open, "b", flow.IsShow) // the back button
	s.clock.Pass(time.Minute)
	s.at(s.answer("b", "right"), flow.Proven, "", flow.None)
	r := s.record()
	want := map[flow.StepName]flow.Proof{"a": {Kind: "kind_a", At: s.clock.Now().Add(-time.Minute)}, "b": {Kind: "kind_b", At: s.clock.Now()}}
	if diff := cmp.Diff(want, r.Proofs); diff != "" {
		t.Errorf("proofs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"kind_a", "kind_b"}, r.Kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if _, _, err := s.Take(t.Context(), s.id, nil); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("Take before clearance: %v, want ErrNotReady", err)
	}
	for range 2 {
		if err := s.MarkCleared(t.Context(), s.id); err != nil {
			t.Fatalf("MarkCleared: %v", err)
		}
	}
	s.at(s.look(), flow.Cleared, "", flow.None)
	held, first, err := s.Take(t.Context(), s.id, nil)
	if string(held) != "held" || !first || err != nil {
		t.Errorf("Take = %q, %v, %v", held, first, err)
	}
	s.at(s.look(), flow.Released, "", flow.None)
}

func TestTakeIsOnce(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.Done(flow.Proof{}))}, flow.Entry{"a"})
	s.at(s.look(), flow.Proven, "", flow.None)
	if err := s.MarkCleared(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	var firsts, others atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			held, first, err := s.Take(t.Context(), s.id, func([]byte) []byte { return []byte("cookies") })
			switch {
			case err != nil:
				t.Errorf("Take: %v", err)
			case first && string(held) == "held":
				firsts.Add(1)
			case !first && string(held) == "cookies":
				others.Add(1)
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 1 || others.Load() != 63 {
		t.Errorf("%d took it, %d got what stays; want 1 and 63", firsts.Load(), others.Load())
	}
	if err := s.Fail(t.Context(), s.id, "late"); err != nil || s.record().Status != flow.Released {
		t.Errorf("Fail after the release: %v, status %d", err, s.record().Status)
	}
	s.clock.Pass(10 * time.Minute)
	if _, _, err := s.Take(t.Context(), s.id, nil); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("Take after ten minutes: %v, want ErrNoAttempt", err)
	}
}

func TestParallelRightAnswersAreOne(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}, "b": flowtest.Step{}}, flow.Entry{"a"}, flow.Entry{"b"})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			p, err := s.Answer(t.Context(), s.id, "a", posted("right"))
			if err != nil || p.Step != "b" {
				t.Errorf("Answer = step %q, %v; want b", p.Step, err)
			}
		})
	}
	wg.Wait()
	if r := s.record(); len(r.Kinds) != 1 || r.Status != flow.Open {
		t.Errorf("kinds %v, status %d; want one proof, open", r.Kinds, r.Status)
	}
}

// The step is right, but the attempt fails while it compares.
func TestFailBeatsAnAnswerUnderWay(t *testing.T) {
	var s *stage
	s = enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{
		OnResume: func(ctx context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			return flow.Done(flow.Proof{}), s.Fail(ctx, a.ID, "void")
		},
	}}, flow.Entry{"a"})
	p := s.answer("a", "right")
	s.at(p, flow.Failed, "", flow.IsDeny)
	if r := s.record(); p.Outcome.Key != "void" || r.DenyKey != "void" || r.Held != nil || len(r.Proofs) != 0 {
		t.Errorf("key %q, record %+v", p.Outcome.Key, r)
	}
	if err := s.MarkCleared(t.Context(), s.id); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("MarkCleared: %v, want ErrNotReady", err)
	}
	if _, _, err := s.Take(t.Context(), s.id, nil); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("Take: %v, want ErrNotReady", err)
	}
}

func TestFailAfterProofKeepsItShut(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.Done(flow.Proof{}))}, flow.Entry{"a"})
	s.look()
	if err := s.MarkCleared(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	if err := s.Fail(t.Context(), s.id, "void"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Take(t.Context(), s.id, nil); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("Take: %v, want ErrNotReady", err)
	}
}

func TestABrokenStepMovesNothing(t *testing.T) {
	gone := errors.New("gone")
	big := json.RawMessage(`"` + strings.Repeat("x", 4<<10) + `"`)
	for name, step := range map[string]flowtest.Step{
		"error": {OnResume: func(context.Context, *flow.Attempt, flow.Input) (flow.Outcome, error) {
			return flow.Done(flow.Proof{}), gone
		}},
		"zero outcome":       flowtest.Always(flow.Outcome{}),
		"unknown outcome":    flowtest.Always(flow.Outcome{Kind: flow.IsKeep + 1}),
		"show without page":  flowtest.Always(flow.Show(flow.View{})),
		"park without page":  flowtest.Always(flow.Park(flow.View{})),
		"send nowhere":       flowtest.Always(flow.Send(nil)),
		"deny without a key": flowtest.Always(flow.Deny("")),
		"long note":          flowtest.Always(flow.Done(flow.Proof{Note: strings.Repeat("x", 201)})),
		"big state": {OnResume: func(_ context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			a.State = big
			return flow.Done(flow.Proof{}), nil
		}},
		"state is no JSON": {OnResume: func(_ context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			a.State = json.RawMessage("{")
			return flow.Done(flow.Proof{}), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			resume := step.OnResume
			step.OnResume = func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
				calls++
				return resume(ctx, a, in)
			}
			s := enter(t, map[flow.StepName]flow.Step{"a": step}, flow.Entry{"a"})
			before := s.record()
			_, err := s.Answer(t.Context(), s.id, "a", posted("right"))
			if err == nil || !strings.Contains(err.Error(), `step "a": `) || name == "error" && !errors.Is(err, gone) {
				t.Errorf("Answer: %v", err)
			}
			if calls != 1 {
				t.Errorf("the step was asked %d times", calls)
			}
			before.Step = "a"
			if diff := cmp.Diff(before, s.record(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("the record moved:\n%s", diff)
			}
		})
	}
}

func TestStateStaysWithItsStep(t *testing.T) {
	count := flowtest.Step{
		OnBegin: func(_ context.Context, a *flow.Attempt) (flow.Outcome, error) {
			return flow.Show(flow.View{Page: "ask", Data: string(a.State)}), nil
		},
		OnResume: func(_ context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			a.State = json.RawMessage(string(a.State) + "1")
			a.Number, a.Session, a.Account = "Z000000005", "other", "other"
			return flowtest.Step{}.Resume(t.Context(), a, in)
		},
	}
	s := enter(t, map[flow.StepName]flow.Step{"a": count, "b": count}, flow.Entry{"a", "b"}, flow.Entry{"b"})
	s.answer("a", "wrong")
	s.answer("a", "wrong")
	if p := s.look(); p.Outcome.View.Data != "11" || p.Record.Number != "A123456780" || p.Record.Session != "s1" {
		t.Errorf("state %q, number %q", p.Outcome.View.Data, p.Record.Number)
	}
	if p := s.answer("a", "right"); p.Step != "b" || p.Outcome.View.Data != "" {
		t.Errorf("step %q got state %q of another step", p.Step, p.Outcome.View.Data)
	}
}

// A step that writes into the state it was given must not escape the
// comparison with what is stored.
func TestStateChangedInPlaceIsStored(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{
		OnResume: func(_ context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			if a.State == nil {
				a.State = json.RawMessage("1")
			}
			a.State[0]++
			return flow.Show(flow.View{Page: "ask"}), nil
		},
	}}, flow.Entry{"a"})
	s.answer("a", "")
	s.answer("a", "")
	if r := s.record(); string(r.State) != "3" {
		t.Errorf("state %s, want 3", r.State)
	}
}

// Who turned to another way while a step was comparing is asked there.
func TestTurnedAwayWhileComparing(t *testing.T) {
	var s *stage
	s = enter(t, map[flow.StepName]flow.Step{"b": flowtest.Step{}, "a": flowtest.Step{
		OnResume: func(ctx context.Context, a *flow.Attempt, _ flow.Input) (flow.Outcome, error) {
			_, err := s.Choose(ctx, a.ID, "b")
			return flow.Deny("never"), err
		},
	}}, flow.Entry{"a", "b"})
	s.at(s.answer("a", "never"), flow.Open, "b", flow.IsShow)
	if r := s.record(); len(r.Denied) != 0 {
		t.Errorf("denied %v", r.Denied)
	}
}

// The configuration changed while the attempt was open.
func TestAStepThatLeftThePlanIsNotAsked(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}, "b": flowtest.Step{}, "c": flowtest.Step{}}, flow.Entry{"a"})
	s.at(s.look(), flow.Open, "a", flow.IsShow)
	s.plan(func(p *flow.Plan) { p.Back = []flow.Entry{{"b", "c"}} })
	s.offers("b", flow.Offer{Reason: "down"}, nil)
	s.offers("c", flow.Offer{Reason: "down"}, nil)
	s.at(s.answer("a", "right"), flow.Open, "", flow.None)
	s.offers("c", flow.Offer{Available: true}, nil)
	s.at(s.look(), flow.Open, "c", flow.IsShow)
}

func TestWaive(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}}, flow.Entry{"a"})
	s.look()
	for range 2 {
		if err := s.Waive(t.Context(), s.id); err != nil {
			t.Fatal(err)
		}
	}
	s.at(s.answer("a", "never"), flow.Cleared, "", flow.None)
	if held, first, err := s.Take(t.Context(), s.id, nil); !first || string(held) != "held" {
		t.Errorf("Take = %q, %v, %v", held, first, err)
	}
	if err := s.Waive(t.Context(), s.id); !errors.Is(err, flow.ErrNotReady) {
		t.Errorf("Waive after the release: %v", err)
	}
	failed := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.Deny("no"))}, flow.Entry{"a"})
	failed.look()
	if err := failed.Waive(t.Context(), failed.id); !errors.Is(err, flow.ErrNotReady) || failed.record().Status != flow.Failed {
		t.Errorf("Waive after failing: %v", err)
	}
}

func TestARefusalMayEndByItself(t *testing.T) {
	until := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.DenyUntil("locked", until))}, flow.Entry{"a"})
	for range 2 {
		if p := s.look(); p.Outcome.Key != "locked" || !p.Outcome.Until.Equal(until) || p.Record.DenyStep != "a" {
			t.Errorf("%+v of %q", p.Outcome, p.Record.DenyStep)
		}
	}
}

func TestSkipAlonePassesNobody(t *testing.T) {
	skip := flowtest.Always(flow.Skip())
	s := enter(t, map[flow.StepName]flow.Step{"a": skip, "b": skip}, flow.Entry{"a"}, flow.Entry{"b"})
	p := s.look()
	s.at(p, flow.Failed, "", flow.IsDeny)
	if p.Outcome.Key != flow.KeyNothingProven || p.Record.Held != nil {
		t.Errorf("key %q, held %q", p.Outcome.Key, p.Record.Held)
	}
}

func TestParkEndsThisLogin(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.Park(flow.View{Page: "letter"}))}, flow.Entry{"a", "b"})
	p := s.look()
	s.at(p, flow.Parked, "", flow.IsPark)
	if p.Outcome.View.Page != "letter" || p.Record.Held != nil {
		t.Errorf("page %q, held %q", p.Outcome.View.Page, p.Record.Held)
	}
	if p = s.look(); p.Outcome.Kind != flow.IsDeny || p.Outcome.Key != flow.KeyParked || p.Record.DenyStep != "a" {
		t.Errorf("reload: %+v", p.Outcome)
	}
	if err := s.Fail(t.Context(), s.id, "void"); err != nil || s.record().Status != flow.Parked {
		t.Errorf("Fail: %v, status %d", err, s.record().Status)
	}
	s.clock.Pass(flow.ParkedLifetime - time.Second)
	s.at(s.look(), flow.Parked, "", flow.IsDeny)
	s.clock.Pass(time.Second)
	if _, err := s.Look(t.Context(), s.id); !errors.Is(err, flow.ErrNoAttempt) {
		t.Errorf("after a week: %v", err)
	}
}

func TestSendAndReturn(t *testing.T) {
	away := &url.URL{Scheme: "https", Host: "nect.example"}
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{
		OnResume: func(_ context.Context, _ *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			if in.Kind == flow.Returned {
				return flow.Done(flow.Proof{}), nil
			}
			return flow.Send(away), nil
		},
	}}, flow.Entry{"a"})
	p := s.answer("a", "")
	s.at(p, flow.Open, "a", flow.IsSend)
	if p.Outcome.URL.String() != away.String() {
		t.Errorf("sent to %v", p.Outcome.URL)
	}
	p, err := s.Answer(t.Context(), s.id, "a", flow.Input{Kind: flow.Returned})
	if err != nil {
		t.Fatal(err)
	}
	s.at(p, flow.Proven, "", flow.None)
}

func TestInputIsBounded(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}}, flow.Entry{"a"})
	for name, c := range map[string]struct {
		in   flow.Input
		want fault.Kind
	}{
		"no kind": {flow.Input{}, fault.Invalid},
		"too big": {posted(strings.Repeat("x", 64<<10)), fault.TooLarge},
		"many":    {flow.Input{Kind: flow.Posted, Form: url.Values{"answer": make([]string, 11000)}}, fault.TooLarge}, // of no size but their name's
	} {
		if _, err := s.Answer(t.Context(), s.id, "a", c.in); err == nil || fault.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAttemptEnds(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}}, flow.Entry{"a"})
	if _, err := s.Open(t.Context(), flow.Record{Attempt: stored(), Held: make([]byte, 64<<10+1)}); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("Open with too much: %v", err)
	}
	s.clock.Pass(flow.DefaultLifetime)
	_, lookErr := s.Look(t.Context(), s.id)
	_, answerErr := s.Answer(t.Context(), s.id, "a", posted("right"))
	_, waysErr := s.Ways(t.Context(), s.id)
	_, chooseErr := s.Choose(t.Context(), s.id, "a")
	for i, err := range []error{lookErr, answerErr, waysErr, chooseErr, s.Fail(t.Context(), s.id, "x"), s.MarkCleared(t.Context(), s.id)} {
		if !errors.Is(err, flow.ErrNoAttempt) {
			t.Errorf("call %d: %v, want ErrNoAttempt", i, err)
		}
	}
}

func TestOpenBelievesNoProgress(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Step{}}, flow.Entry{"a"})
	secret, err := s.Open(t.Context(), flow.Record{
		Attempt: flow.Attempt{Flow: flow.Login, ID: "mine", Step: "b", Kinds: []string{"a"}}, Status: flow.Cleared, Proofs: proofs("a"), Skipped: names{"a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.id = secret.ID()
	if r := s.record(); r.Status != flow.Open || len(r.Proofs)+len(r.Skipped)+len(r.Kinds) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestStoreDown(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"a": flowtest.Always(flow.Done(flow.Proof{}))}, flow.Entry{"a"})
	down := errors.New("down")
	s.store.Break(down)
	if _, err := s.Look(t.Context(), s.id); !errors.Is(err, down) {
		t.Errorf("Look: %v", err)
	}
	if _, first, err := s.Take(t.Context(), s.id, nil); !errors.Is(err, down) || first {
		t.Errorf("Take: %v, %v", first, err)
	}
}

func TestValidate(t *testing.T) {
	s := enter(t, map[flow.StepName]flow.Step{"front": flowtest.Step{}, "a": flowtest.Step{}}, flow.Entry{"a"})
	if err := s.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	s.plan(func(p *flow.Plan) { p.Back = append(p.Back, flow.Entry{"b"}) })
	s.Chambers["a"] = flow.Chamber{Name: "x", Kind: "a", Step: flowtest.Step{}}
	s.Log = nil
	err := s.Validate()
	for _, want := range []string{`step "b" is not configured`, `step "a" is wired under another name`, "lacks its plans"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate: %v, want %q in it", err, want)
		}
	}
}
