package flow

import (
	"context"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Step is one chamber of the lock. Both methods may be called again after a
// crash, a reload, the back button or in a second tab, and must then answer
// from the stored state. A step never touches the HTTP response.
//
// An error is the operator's problem (the person sees "later", nothing is
// lost); a person's mistake is an Outcome; the zero Outcome fails closed.
type Step interface {
	// Begin is called whenever the person comes to the step. It must have no
	// effect that may not be repeated.
	Begin(ctx context.Context, a *Attempt) (Outcome, error)
	// Resume is called with what came in. It must take its counters before it
	// compares anything. A change that it carries on when ctx has ended takes
	// 10 s at most.
	Resume(ctx context.Context, a *Attempt, in Input) (Outcome, error)
}

// InputKind says where an Input comes from. The zero kind is invalid.
type InputKind uint8

// The kinds of input. A callback or a job is none: what it learns the step
// keeps in its records and finds there when the attempt's own browser is next
// seen, so that nothing but that browser ever continues a flow.
const (
	Posted   InputKind = iota + 1 // a form of the step's own page
	Returned                      // this attempt's browser came back from a remote service
)

// Input is what a step is resumed with. Form is what the browser sent: the
// step believes none of it.
type Input struct {
	Kind InputKind
	Form url.Values // at most 64 KiB in all
}

// Only returns the one value of a field. A field that comes twice says nothing.
func (in Input) Only(name string) string {
	if v := in.Form[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// Outcome is what a step says. It is made by the functions below only.
type Outcome struct {
	Kind  OutcomeKind
	Proof Proof
	View  View
	URL   *url.URL
	Key   string
	Until time.Time // of Deny: when it ends by itself; zero = never, or not known
	Flow  Name      // of Enter
}

// OutcomeKind is the kind of an Outcome. The zero kind is none and is
// treated as a failure of the step: the attempt does not move.
type OutcomeKind uint8

// The kinds of Outcome.
const (
	None    OutcomeKind = iota
	IsDone              // proven
	IsSkip              // this step is not for this person
	IsShow              // show a page and wait for its form
	IsSend              // send the browser to a remote service
	IsPark              // end this login, keep the step's record for the next one
	IsDeny              // this step refuses; in an `any` it exhausts that alternative only
	IsEnter             // go on in another flow
	IsKeep              // store this attempt, then ask again
)

// Proof is what a step has established. It is stored before anything is done
// because of it. It holds no personal data.
type Proof struct {
	Kind string    // the step's kind, such as "egk"
	At   time.Time // when
	Note string    // evidence for the audit without personal data, such as a procedure's name
	// Account is the account that a Closing step made or found for a person
	// who was known by the number alone. It is ignored from any other step.
	Account account.ID
}

// Done says that the step is passed.
func Done(p Proof) Outcome { return Outcome{Kind: IsDone, Proof: p} }

// Skip says that the step is not for this person. Skipping proves nothing: an
// attempt in which every step was skipped is denied.
func Skip() Outcome { return Outcome{Kind: IsSkip} }

// Show asks for input with a page of the step's own.
func Show(v View) Outcome { return Outcome{Kind: IsShow, View: v} }

// Send sends the browser away; it comes back with Input Returned.
func Send(u *url.URL) Outcome { return Outcome{Kind: IsSend, URL: u} }

// Park ends this login and shows a last page; what the step keeps in its
// records is there at the next login.
func Park(v View) Outcome { return Outcome{Kind: IsPark, View: v} }

// Deny says that this step cannot be passed now; key is the catalogue key of
// the explanation, which must name the next step for the person.
func Deny(key string) Outcome { return Outcome{Kind: IsDeny, Key: key} }

// DenyUntil is Deny for a refusal that ends by itself. The text of key may say
// in {{.Wait}} how long that is from now.
func DenyUntil(key string, until time.Time) Outcome {
	return Outcome{Kind: IsDeny, Key: key, Until: until}
}

// Enter goes on in another flow, in which this step counts as passed. Only a
// step InFront may say so, and only of a draft.
func Enter(flow Name) Outcome { return Outcome{Kind: IsEnter, Flow: flow} }

// Keep says of a draft (an attempt whose ID is empty) that something worth
// storing is about to happen: a proof, or something that costs. The attempt is
// stored, and Resume is called again with the same input and the ID. A draft
// whose step says Done, Send or Park instead fails.
func Keep() Outcome { return Outcome{Kind: IsKeep} }

// Recaller is implemented by a Closing step that changes an account before the
// role is given. What it has stored about that lets a login of the same person
// end what a crash has interrupted, without asking again.
type Recaller interface {
	// Recall returns a proof when this account was made for, or given back
	// to, an identified person whose role is still owing; the zero Proof when
	// not. It is asked at a login of somebody not cleared, and may be repeated.
	Recall(ctx context.Context, a *Attempt) (Proof, error)
	// Forget drops what Recall answers from. It is called once the role is
	// given, and may be repeated.
	Forget(ctx context.Context, a *Attempt) error
}

// Place is where in a flow a step may stand. A step in another place would ask
// for nothing, or ask somebody of whom nothing is known.
type Place uint8

// The places.
const (
	Behind  Place = iota // somebody signed in or gave a number; what the step establishes identifies them
	InFront              // nobody is known and nothing is stored; nothing is proven
	Closing              // acts for a person identified in this flow; nothing is proven
)

// View is a page of a step's own, as data.
type View struct {
	Page     string        // template below the extension's Pages, without ".html"
	Data     any           // for the template
	Problems []Problem     // what was wrong with the last input; shown at the field and in the summary
	Refresh  time.Duration // the page asks again by itself after this time; 0 = never
}

// Problem is one mistake in a form.
type Problem struct {
	Field string         // name of the input
	Key   string         // catalogue key of the explanation
	Args  map[string]any // for its placeholders; never what the person typed
}

// Offer describes a step on the page where the person chooses a way.
// Everything in it is a catalogue key of the extension.
type Offer struct {
	Available bool
	Title     string
	Needs     string // what one must have at hand
	Takes     string // how long it takes
	Reason    string // why it is not available now; "" hides the way altogether
}
