package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Bounds of what the engine keeps and takes, in bytes.
const (
	maxHeld  = 64 << 10
	maxState = 4 << 10
	maxForm  = 64 << 10
	maxNote  = 200
)

// maxParked is how many parked attempts another one knows of.
const maxParked = 4

// How long an attempt lives.
const (
	// DefaultLifetime is a login's: as long as the code that is withheld in it
	// (the realm's accessCodeLifespan).
	DefaultLifetime = 45 * time.Minute
	// UnprovenLifetime is that of every other flow while nothing is proven in
	// it, from when its browser was last seen: whoever knows a number makes
	// one, and it takes a place at its address.
	UnprovenLifetime = 45 * time.Minute
	// LongLifetime is what each proof gives those, and all that they get
	// without any, however often their browser comes.
	LongLifetime = 24 * time.Hour
	// SupersededLifetime is how long one that gave way still says so.
	SupersededLifetime = 10 * time.Minute
	// ParkedLifetime is how long a parked attempt is still known to be there.
	ParkedLifetime = 7 * 24 * time.Hour
)

// ErrNotReady says that the attempt's status does not allow what was asked:
// nothing was changed.
var ErrNotReady = errors.New("the attempt's status does not allow this")

// errMoved says that the attempt is no longer where it was when it was read.
var errMoved = errors.New("the attempt moved on")

// Chamber is a step as it is built into a flow.
type Chamber struct {
	Name StepName
	Kind string // stands in the proof; what the step itself says there is not believed
	Step Step
	// Offer describes the step as a way to choose; nil = always available.
	Offer func(context.Context, *Attempt) (Offer, error)
}

// Engine carries people through the flows. Its methods may be called at the
// same time from any number of replicas; no remote call stands in a
// transaction. An attempt whose flow has no plan (any more) is refused.
type Engine struct {
	Plans    map[Name]Plan
	Chambers map[StepName]Chamber
	Attempts Attempts
	Now      func() time.Time
	Lifetime time.Duration // of what holds a login; 0 = DefaultLifetime
	Log      *slog.Logger
}

// Position is where an attempt stands.
type Position struct {
	Record Record
	// Step is the step that is asked. It is empty when the record is not Open,
	// and when none of the ways left is available: then the page of Ways says why.
	Step StepName
	Kind string // the kind of Step
	// Outcome is Show or Send while a step is asked, Keep when it wants its
	// draft stored first, Park when the attempt just ended with it, Deny when
	// the record is Failed or Parked, Done when a login's draft is through,
	// else None.
	Outcome Outcome
	At, Of  int  // "step At of Of"; At 0 = not to be shown
	Choice  bool // there is another way than Step
}

// Validate reports what is missing in the engine.
func (e *Engine) Validate() error {
	var errs []error
	for _, flow := range slices.Sorted(maps.Keys(e.Plans)) {
		p := e.Plans[flow]
		if !p.suits(flow) {
			errs = append(errs, fmt.Errorf("flow %q: its plan was not made for it", flow))
		}
		for _, name := range p.Names() {
			if err := e.Chambers[name].validate(name); err != nil {
				errs = append(errs, fmt.Errorf("flow %q: %w", flow, err))
			}
		}
	}
	if len(e.Plans) == 0 || e.Attempts == nil || e.Now == nil || e.Log == nil {
		errs = append(errs, errors.New("the engine lacks its plans, its store, its clock or its log"))
	}
	return errors.Join(errs...)
}

func (c Chamber) validate(name StepName) error {
	switch {
	case c.Step == nil:
		return fmt.Errorf("step %q is not configured, or is no step", name)
	case c.Name != name || c.Kind == "":
		return fmt.Errorf("step %q is wired under another name or without a kind", name)
	}
	return nil
}

// Open stores a new attempt that holds a login and returns the secret that the
// browser holds of it. What r says about its progress is ignored. It returns
// ErrTooManyAttempts as the store does, and a fault TooLarge when Held is over
// 64 KiB.
func (e *Engine) Open(ctx context.Context, r Record) (Secret, error) {
	if !r.Flow.Holds() {
		return Secret{}, errors.New("only what holds a login is opened; the others are kept drafts")
	}
	fresh := Record{Attempt: r.Attempt, Held: r.Held}
	fresh.Step, fresh.State, fresh.Kinds = "", nil, nil
	secret := NewSecret()
	if err := e.create(ctx, secret, fresh); err != nil {
		return Secret{}, err
	}
	return secret, nil
}

// Look says where the attempt stands, and asks the step that is next to begin.
// It may be repeated. An error of the step leaves the attempt as it was. It
// returns ErrNoAttempt when there is none.
func (e *Engine) Look(ctx context.Context, id AttemptID) (Position, error) {
	for range e.moves() {
		r, err := e.settle(ctx, id)
		if err != nil {
			return Position{}, err
		}
		if r.Status != Open || r.Step == "" {
			return e.position(r, Outcome{}), nil
		}
		p, err := e.run(ctx, r, nil)
		if !errors.Is(err, errMoved) {
			return p, err
		}
	}
	return Position{}, errors.New("the flow does not come to rest")
}

// moves is more than one attempt can make without anybody's answer.
func (e *Engine) moves() int {
	n := 2
	for _, p := range e.Plans {
		n += 2 * len(p.Names())
	}
	return n
}

// Answer hands the step what came in. An answer to a step that is not asked
// (any more) changes nothing and returns the present position, as Look does.
// in.Kind is Posted or Returned.
func (e *Engine) Answer(ctx context.Context, id AttemptID, step StepName, in Input) (Position, error) {
	if err := checkInput(in); err != nil {
		return Position{}, err
	}
	r, err := e.settle(ctx, id)
	if err != nil {
		return Position{}, err
	}
	if r.Status != Open || r.Step == "" || r.Step != step {
		return e.Look(ctx, id)
	}
	p, err := e.run(ctx, r, &in)
	if errors.Is(err, errMoved) {
		return e.Look(ctx, id)
	}
	return p, err
}

func checkInput(in Input) error {
	if in.Kind != Posted && in.Kind != Returned {
		return fault.New(fault.Invalid, "invalid", errors.New("input of no known kind"))
	}
	size := 0
	for name, values := range in.Form {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxForm {
		return fault.New(fault.TooLarge, "too_large", errors.New("the form is over 64 KiB"))
	}
	return nil
}

// settle returns the record with its step selected, or at rest.
func (e *Engine) settle(ctx context.Context, id AttemptID) (Record, error) {
	r, err := e.Attempts.Get(ctx, id)
	if err != nil {
		return Record{}, err
	}
	d := next(e.Plans[r.Flow], r)
	if d.act == ask && d.step == "" {
		turnTo(&r, "")
		if d.step, err = e.firstAvailable(ctx, r, d.ways); err != nil || d.step == "" {
			return r, err
		}
	}
	if d.act == rest || (d.act == ask || d.act == leave) && d.step == r.Step {
		return r, nil
	}
	return e.Attempts.Update(ctx, id, func(r *Record) error {
		if now := next(e.Plans[r.Flow], *r); now.step == "" && slices.Contains(now.ways, d.step) {
			turnTo(r, d.step)
			return nil
		}
		e.advance(r)
		return nil
	})
}

// run calls the step that is asked: Begin, or Resume when in is given. It
// returns errMoved when the attempt has to be looked at again.
func (e *Engine) run(ctx context.Context, r Record, in *Input) (Position, error) {
	c, ok := e.Chambers[r.Step]
	if !ok {
		return Position{}, fmt.Errorf("step %q of the flow is not configured", r.Step)
	}
	front := next(e.Plans[r.Flow], r).place == InFront
	if !front && r.Number == "" && r.ID == "" {
		return Position{}, errors.New("the steps in front are through, and there is no number")
	}
	a := r.Attempt
	a.State, a.Kinds, a.Parked = bytes.Clone(r.State), slices.Clone(r.Kinds), slices.Clone(r.Parked)
	a.Evidence = evidence(r)
	out, err := call(ctx, c, &a, in)
	if err == nil {
		err = e.allowed(r, out, in != nil)
	}
	if err != nil {
		return Position{}, fmt.Errorf("step %q: %w", c.Name, err)
	}
	if !front { // the number is theirs alone
		a.Number = r.Number
	}
	if out.Kind == IsKeep || rests(out) && same(a, r.Attempt) && !e.unseen(r) {
		return e.position(r, out), nil
	}
	return e.write(ctx, r, c, out, a)
}

// same reports whether a step has changed nothing that is stored.
func same(a, b Attempt) bool { return bytes.Equal(a.State, b.State) && a.Number == b.Number }

// write stores what a step has said, if it is still asked.
func (e *Engine) write(ctx context.Context, r Record, c Chamber, out Outcome, a Attempt) (Position, error) {
	stored, err := e.Attempts.Update(ctx, r.ID, func(now *Record) error {
		if d := next(e.Plans[now.Flow], *now); d.act != ask || d.step != r.Step {
			return errMoved
		}
		if a.Number != r.Number {
			now.Number = a.Number
		}
		e.apply(now, c, out, a.State)
		e.see(now)
		return nil
	})
	switch {
	case err != nil:
		return Position{}, err
	case rests(out) || out.Kind == IsPark:
		return e.position(stored, out), nil
	}
	return Position{}, errMoved
}

// allowed reports what a step may not say where it stands. A draft proves
// nothing and costs nothing; what would has to be stored first.
func (e *Engine) allowed(r Record, out Outcome, resumed bool) error {
	front := next(e.Plans[r.Flow], r).place == InFront
	switch out.Kind {
	case IsDone, IsSend, IsPark:
		if r.ID == "" && (out.Kind != IsDone || !front) {
			return errUnkept
		}
	case IsKeep:
		if r.ID != "" || front || !resumed {
			return errors.New("keeps what is no draft, or without an answer behind the steps in front")
		}
	case IsEnter:
		if r.ID != "" || !front {
			return errors.New("enters another flow, and stands not in front of a draft")
		}
		return e.enterable(r, out.Flow)
	}
	return nil
}

func (e *Engine) enterable(r Record, to Name) error {
	if _, ok := e.Plans[to]; !ok || to == r.Flow {
		return fmt.Errorf("enters flow %q, which is not configured or is its own", to)
	}
	return nil
}

var errUnkept = errors.New("an outcome that needs a stored attempt, of a draft: Keep comes first")

// rests reports whether the attempt stays at its step.
func rests(out Outcome) bool { return out.Kind == IsShow || out.Kind == IsSend }

// call runs the step and checks what it says, so that nothing of a broken
// step is ever stored.
func call(ctx context.Context, c Chamber, a *Attempt, in *Input) (Outcome, error) {
	var out Outcome
	var err error
	if in == nil {
		out, err = c.Step.Begin(ctx, a)
	} else {
		out, err = c.Step.Resume(ctx, a, *in)
	}
	if err != nil {
		return Outcome{}, err
	}
	return out, check(out, a.State)
}

func check(out Outcome, state json.RawMessage) error {
	switch {
	case out.Kind == None || out.Kind > IsKeep:
		return errors.New("no outcome")
	case out.Kind == IsSend && out.URL == nil, out.Kind == IsDeny && out.Key == "",
		(out.Kind == IsShow || out.Kind == IsPark) && out.View.Page == "":
		return errors.New("an outcome without what it needs")
	case len(out.Proof.Note) > maxNote:
		return fmt.Errorf("a proof's note over %d bytes", maxNote)
	case len(state) > maxState || state != nil && !json.Valid(state):
		return fmt.Errorf("a state that is no JSON or over %d bytes", maxState)
	}
	return nil
}

// apply writes an outcome into the record and moves it on.
func (e *Engine) apply(r *Record, c Chamber, out Outcome, state json.RawMessage) {
	switch out.Kind {
	case IsDone:
		if r.ID == "" { // in front, where nothing is proven
			r.Skipped = append(r.Skipped, c.Name)
			break
		}
		e.prove(r, c, out.Proof)
		if slices.Contains(e.Plans[r.Flow].After, c.Name) && r.Account == "" {
			r.Account = out.Proof.Account
		}
	case IsSkip:
		r.Skipped = append(r.Skipped, c.Name)
	case IsDeny:
		r.Denied = append(r.Denied, c.Name)
		r.DenyStep, r.DenyKey, r.DenyUntil = c.Name, out.Key, out.Until
	case IsEnter:
		r.Skipped = append(r.Skipped, c.Name)
		enter(r, out.Flow)
	case IsPark:
		fail(r, KeyParked)
		r.Status, r.DenyStep, r.Expires = Parked, c.Name, e.Now().Add(ParkedLifetime)
		return
	default:
		r.State = state
		return
	}
	e.advance(r)
}

// prove writes a proof into the record.
func (e *Engine) prove(r *Record, c Chamber, p Proof) {
	if p.At.IsZero() {
		p.At = e.Now()
	}
	if r.Proofs == nil {
		r.Proofs = map[StepName]Proof{}
	}
	r.Proofs[c.Name] = Proof{Kind: c.Kind, At: p.At, Note: p.Note}
	r.Kinds = append(r.Kinds, c.Kind)
	if !r.Flow.Holds() {
		r.Expires = e.Now().Add(LongLifetime)
	}
}

// advance brings the record to what the dispatcher decides.
func (e *Engine) advance(r *Record) {
	switch d := next(e.Plans[r.Flow], *r); d.act {
	case ask, leave:
		turnTo(r, d.step)
	case prove:
		r.Status = Proven
		turnTo(r, "")
	case refuse:
		if r.DenyKey == "" {
			r.DenyKey = KeyNothingProven
		}
		refused(r)
	}
}

func turnTo(r *Record, step StepName) {
	if r.Step != step {
		r.Step, r.State = step, nil
	}
}

func fail(r *Record, key string) {
	r.DenyStep, r.DenyKey, r.DenyUntil = "", key, time.Time{}
	refused(r)
}

func refused(r *Record) {
	r.Status, r.Held = Failed, nil
	turnTo(r, "")
}

func (e *Engine) position(r Record, out Outcome) Position {
	plan := e.Plans[r.Flow]
	p := Position{Record: r, Outcome: out, Of: plan.Steps()}
	switch {
	case (r.Status == Failed || r.Status == Parked) && out.Kind == None:
		p.Outcome = DenyUntil(r.DenyKey, r.DenyUntil)
	case r.Status == Open:
		d := next(plan, r)
		if d.act == leave {
			p.Outcome = Done(Proof{})
			break
		}
		p.Step, p.Kind = r.Step, e.Chambers[r.Step].Kind
		p.Choice = len(d.ways) > 1
		p.At = plan.at(d)
	}
	return p
}
