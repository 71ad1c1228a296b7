package nect

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	// keep is how long a case can be gone on with, from its beginning: a parked
	// attempt is known for 7 days, and a case may be begun a day before.
	keep = 8 * 24 * time.Hour
	// caseLife is how long a case of Nect's lives, when nobody finishes it.
	caseLife = 48 * time.Hour
	// openingTime is how long the making of a case may take before it counts as
	// interrupted.
	openingTime = 45 * time.Second
	// codeLife is how long the code of another browser can be typed.
	codeLife = 20 * time.Minute
	// rewrites bounds how often a change is tried again that others forestall.
	rewrites = 300
)

// binding says how it became certain that whoever identified themselves is with
// the browser that began. The zero binding is none, and with it no result opens
// anything.
type binding string

const (
	here    binding = "here"    // that browser came back with the secret
	byCode  binding = "code"    // another came back with it, and its code was typed here
	anybody binding = "anybody" // no secret exists: the operator accepts that (Config.AcceptRelay), or a password was asked
)

// record is what is kept of an attempt's case. Nothing in it names the person
// whom Nect identified.
type record struct {
	// Root is the attempt whose record is meant, where this is only a pointer.
	Root    flow.AttemptID `json:",omitempty"`
	Attempt flow.AttemptID
	Flow    flow.Name
	Number  member.KVNR
	Account account.ID `json:",omitempty"`
	Client  string     `json:",omitempty"`
	Address string     // of who began it, for counters only
	Browser string     `json:",omitempty"` // likewise
	Level   Level
	Opening time.Time // when the making of the case began
	Return  []byte    // keyed image of the return address's secret
	Case    ident.CaseID
	Jump    string
	Bound   binding
	Code    []byte    `json:",omitempty"` // keyed image of the code that another browser shows
	CodeAt  time.Time `json:",omitzero"`
	Result  result
	Full    bool           `json:",omitempty"` // Nect has a result, and there was no room to compare it
	Asked   time.Time      `json:",omitzero"`  // when the result was last asked for
	Lease   time.Time      `json:",omitzero"`  // until when somebody is asking
	Spent   flow.AttemptID `json:",omitempty"` // the attempt that was passed with it
}

// result is what remains of Nect's answer: evidence, and no person.
type result struct {
	State     ident.State
	Verdict   ident.Verdict
	Refusal   string // why the member gets no further, see member.Standing
	Weak      bool   // the procedure or the level is not accepted
	Procedure string
	Level     string
	At        time.Time
}

// opened reports whether there is a case.
func (r record) opened() bool { return r.Case != "" }

// interrupted reports whether the making of the case has not come to an end.
func (r record) interrupted(now time.Time) bool {
	return !r.opened() && now.Sub(r.Opening) >= openingTime
}

// returned reports whether the secret of the return address is used up.
func (r record) returned() bool { return r.Bound != "" || r.Code != nil }

// over reports whether nothing can come of the case any more. Of a result it
// tells nothing before it is certain who asks.
func (r record) over(now time.Time) bool {
	state := r.Result.State
	switch {
	case !r.opened():
		return r.interrupted(now)
	case r.codeLate(now) || r.Bound == "" && r.aged(now):
		return true
	case state == ident.Succeeded:
		return r.Bound != "" && (r.Result.Weak || r.Result.Verdict != ident.Match || r.Spent != "")
	}
	return state.Final() || state != ident.InReview && r.aged(now)
}

// aged reports whether Nect's case has come to its end by itself.
func (r record) aged(now time.Time) bool { return now.Sub(r.Opening) >= caseLife }

// codeLate reports whether the code was not typed in time.
func (r record) codeLate(now time.Time) bool {
	return r.Bound == "" && r.Code != nil && now.Sub(r.CodeAt) >= codeLife
}

func (r record) subject() extension.Subject {
	return extension.Subject{Number: r.Number, Account: r.Account}
}

// belongs reports whether a record is for what an attempt asks: one
// identification serves one number and one purpose.
func (r record) belongs(a *flow.Attempt) bool {
	return r.Flow == a.Flow && r.Number == a.Number && r.Number != "" && r.Account == a.Account
}

// cases keeps records. They are found by the attempt; the name of a case and
// the secret of a return address lead to the attempt alone.
type cases struct {
	records extension.Records
	hash    func(purpose string, data ...[]byte) []byte
	now     func() time.Time
}

// link leads from the name of a case, or a secret, to its attempt.
type link struct{ Attempt flow.AttemptID }

// errSame says that a change was not needed: nothing is stored.
var errSame = errors.New("nothing to change")

func attemptKey(id flow.AttemptID) string { return "attempt/" + string(id) }

func (c cases) caseKey(id ident.CaseID) string {
	return "case/" + hex.EncodeToString(c.hash("case", []byte(id)))
}

func (c cases) secretKey(image []byte) string { return "return/" + hex.EncodeToString(image) }

// of returns an attempt's record, and the version to store it under; a zero
// record when there is none. What is older than its time is none.
func (c cases) of(ctx context.Context, id flow.AttemptID) (record, int64, error) {
	var r record
	raw, version, err := c.records.Get(ctx, attemptKey(id))
	if err != nil || raw == nil {
		return r, version, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return record{}, version, errors.New("reading a case: it is no JSON of ours")
	}
	if c.now().Sub(r.Opening) >= keep {
		return record{}, version, nil
	}
	return r, version, nil
}

// put stores an attempt's record, if it is still of this version.
func (c cases) put(ctx context.Context, id flow.AttemptID, version int64, r record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.records.About(r.subject()).Put(ctx, attemptKey(id), version, raw, keep)
}

// drop forgets an attempt's record, if it is still the one that began then.
func (c cases) drop(ctx context.Context, r record) error {
	now, version, err := c.of(ctx, r.Attempt)
	if err != nil || version == 0 || !now.Opening.Equal(r.Opening) {
		return err
	}
	return c.records.Put(ctx, attemptKey(r.Attempt), version, nil, keep)
}

// change changes a record in one step: fn sees what is stored, and nobody
// changes it in between. fn may be called again. Its error is returned, and
// nothing is stored; errSame is none.
func (c cases) change(ctx context.Context, id flow.AttemptID, fn func(*record) error) (record, error) {
	for range rewrites {
		r, version, err := c.of(ctx, id)
		if err != nil {
			return r, err
		}
		switch err := fn(&r); {
		case errors.Is(err, errSame):
			return r, nil
		case err != nil:
			return r, err
		}
		if err := c.put(ctx, id, version, r); !errors.Is(err, extension.ErrStale) {
			return r, err
		}
	}
	return record{}, extension.ErrStale
}

// use uses the secret of a return address up, if nobody has.
func (c cases) use(ctx context.Context, at record, image []byte, how func(*record)) (now record, first bool, err error) {
	now, err = c.change(ctx, at.Attempt, func(now *record) error {
		first = same(now.Return, image) && now.Case == at.Case && !now.returned()
		if !first {
			return errSame
		}
		how(now)
		return nil
	})
	return now, first && err == nil, err
}

func bindHere(r *record) { r.Bound = here }

// name makes a case, or the image of a secret, lead to its attempt.
func (c cases) name(ctx context.Context, key string, r record) error {
	raw, err := json.Marshal(link{r.Attempt})
	if err != nil {
		return err
	}
	err = c.records.About(r.subject()).Put(ctx, key, 0, raw, keep)
	if errors.Is(err, extension.ErrStale) {
		return errors.New("two cases of one name")
	}
	return err
}

// named returns the attempt that a key leads to; "" = to none.
func (c cases) named(ctx context.Context, key string) (flow.AttemptID, error) {
	raw, _, err := c.records.Get(ctx, key)
	if err != nil || raw == nil {
		return "", err
	}
	var l link
	if err := json.Unmarshal(raw, &l); err != nil {
		return "", errors.New("reading where a case leads: it is no JSON of ours")
	}
	return l.Attempt, nil
}

const secretSize = 32

// newSecret draws the secret of a return address.
func (c cases) newSecret() (text string, image []byte) {
	raw := make([]byte, secretSize)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw), c.hash("return", raw)
}

// imageOf returns the keyed image of a secret as it came back; nil = it is none.
func (c cases) imageOf(text string) []byte {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != secretSize {
		return nil
	}
	return c.hash("return", raw)
}

// same compares images in a time that says nothing; no image is never the same.
func same(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }
