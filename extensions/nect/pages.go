package nect

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/ident"
)

// waiting is the attempt's state of whoever has gone to Nect with another
// device.
const waiting = `{"waiting":true}`

// begun is that of whoever has a case otherwise: an attempt with a state gives
// way to others last (see flow.Attempts).
const begun = `{"begun":true}`

// maxDrawn is the longest address that is drawn as a QR code, in bytes.
const maxDrawn = 512

// codePlaces is how many digits a code has.
const codePlaces = 6

// jumpData is shown by the page "jump".
type jumpData struct {
	URL  string
	Draw bool // it fits a QR code
}

// page shows where a case stands, and notes that there is one.
func (s *step) page(ctx context.Context, a *flow.Attempt, r record) (flow.Outcome, error) {
	if r.opened() && a.ID != "" && a.State == nil {
		a.State = json.RawMessage(begun)
	}
	return s.stands(ctx, a, r)
}

// stands says where. The order of the questions matters: nothing of a result is
// told before it is certain who sits here.
func (s *step) stands(ctx context.Context, a *flow.Attempt, r record) (flow.Outcome, error) {
	now := s.host.Now()
	switch {
	case r.interrupted(now):
		return show("before", flow.Problem{Key: "problem.interrupted"}), nil
	case !r.opened():
		return wait("opening"), nil
	case r.Bound != "":
		return s.result(ctx, a, r)
	}
	switch state := r.Result.State; {
	case state.Final() && state != ident.Succeeded:
		return ended(r), nil
	case r.codeLate(now):
		return show("code_late"), nil
	case r.Code != nil:
		return s.unlessUsedUp(ctx, r)
	case r.aged(now):
		return show("expired"), nil
	case string(a.State) == waiting || state == ident.Succeeded:
		return wait("waiting"), nil
	}
	return flow.Show(flow.View{Page: "jump", Data: jumpData{r.Jump, len(r.Jump) <= maxDrawn}, Refresh: refreshJump}), nil
}

// unlessUsedUp asks for the code, while one may be typed.
func (s *step) unlessUsedUp(ctx context.Context, r record) (flow.Outcome, error) {
	left, err := s.host.Counters.Look(ctx, s.caps.code(r))
	switch {
	case err != nil:
		return later(err)
	case !left.OK:
		return show("code_used_up"), nil
	}
	return askCode(), nil
}

// result shows what came of a case whose person sits here.
func (s *step) result(ctx context.Context, a *flow.Attempt, r record) (flow.Outcome, error) {
	switch {
	case r.passes() && a.ID == "":
		return show("found"), nil
	case r.passes():
		return s.pass(ctx, a, r)
	case r.Result.State == ident.InReview && a.ID == "":
		return show("still"), nil
	case r.Result.State == ident.InReview:
		return flow.Park(flow.View{Page: "review"}), nil
	case r.Result.State.Final():
		return ended(r), nil
	case r.over(s.host.Now()):
		return show("expired"), nil
	case r.Full && a.ID == "":
		return show("full"), nil
	case r.Full: // there is room tomorrow, and the attempt does not live so long
		return flow.Park(flow.View{Page: "tomorrow"}), nil
	}
	return wait("waiting"), nil
}

// ended shows why a case came to nothing. None of it says which field of a
// document differs.
func ended(r record) flow.Outcome {
	switch got := r.Result; {
	case got.State != ident.Succeeded:
		return show(got.State.String())
	case got.Weak:
		return show("weak")
	case got.Verdict == ident.Match && got.Refusal != "":
		return flow.Deny("denied." + got.Refusal)
	case got.Verdict == ident.Review || got.Verdict == ident.Ambiguous:
		return flow.Deny("denied." + got.Verdict.String())
	}
	return show("mismatch")
}

func show(page string, problems ...flow.Problem) flow.Outcome {
	return flow.Show(flow.View{Page: page, Problems: problems})
}

func wait(page string) flow.Outcome {
	return flow.Show(flow.View{Page: page, Refresh: refreshWaiting})
}

// askCode asks for the code. The page does not refresh: it would take away what
// is being typed.
func askCode(problems ...flow.Problem) flow.Outcome {
	return show("code", problems...)
}

// newCode draws a code, each with the same chance.
func newCode() string {
	for {
		var raw [4]byte
		rand.Read(raw[:])
		if n := binary.BigEndian.Uint32(raw[:]); n < 4294*1_000_000 { // a whole multiple of the number of codes
			return fmt.Sprintf("%06d", n%1_000_000)
		}
	}
}

// codeImage is what is kept of a code: worth nothing for another case.
func (c cases) codeImage(r record, code string) []byte {
	return c.hash("code", []byte(r.Attempt), []byte(r.Case), []byte(code))
}

// digitsOf reads a code as it is typed: blanks and hyphens do not count.
func digitsOf(typed string) string {
	if len(typed) > 40 {
		return ""
	}
	digits := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(typed)
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// unanswered is the attempt's state of whom Nect has just not answered: the
// browser comes to the page anew after each answer.
const unanswered = `{"unanswered":true}`

func (s *step) down(a *flow.Attempt) flow.Outcome {
	a.State = json.RawMessage(unanswered)
	return show("down")
}
