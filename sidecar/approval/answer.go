package approval

import (
	"context"
	"crypto/subtle"
	"errors"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
)

// RedeemWithin is how long an approved approval may be redeemed.
const RedeemWithin = 5 * time.Minute

// maxWrongCodes denies an approval.
const maxWrongCodes = 3

// Answer takes a phone's answer (PROTOCOL.md of package device section 5.3) to
// an approval. password is read with an approval alone. It returns the approval
// as it is decided: Approved, or Denied also where the person meant otherwise
// (a validly signed message that is no answer, the third wrong match code). The
// same answer again gives the same. Not decided is: device.ErrFactors (wrong
// signature or password), device.ErrLocked, ErrBlocked, ErrSealed, ErrOther,
// ErrMatchCode, ErrCooling (*Cooling), device.ErrNotCleared. Decided before: ErrOver (*Over).
// After an error of NotMe it is denied, and the same answer is to come again.
func (s *Service) Answer(ctx context.Context, dev device.ID, id ID, raw string, password device.Sealed) (Approval, error) {
	d, err := s.phone(ctx, dev)
	if err != nil {
		return Approval{}, err
	}
	a, err := s.theirs(ctx, d, id)
	if err != nil {
		return Approval{}, err
	}
	m, err := device.ParseMessage(raw, device.Answer)
	if err != nil || m.Device != dev || !m.SignedBy(d.Key) {
		return Approval{}, s.unsigned(ctx, a, d)
	}
	if s.repeats(a, dev, raw) {
		return a, nil
	}
	w := parseWord(m.Payload, a.Digits(dev))
	if w.reason != Malformed && w.request != hashText(a.Issued[dev]) {
		return Approval{}, s.refuse(ctx, a, d, ErrOther)
	}
	if w.reason == "" {
		return s.approve(ctx, d, a, answer{m, w, password})
	}
	var undone error
	if w.reason == NotMe {
		undone = s.notMe(ctx, d, id)
	}
	// A denial waits for nothing; that the rest failed is told after it.
	a, err = s.deny(ctx, d, id, w.reason)
	if undone != nil {
		return Approval{}, undone
	}
	return a, err
}

// notMe has done what "das war ich nicht" demands, before the denial is stored:
// a process that dies between the two leaves a question that nobody answers, and
// no thief in a session. It counts also when the request is over: somebody asked
// who is not the person.
func (s *Service) notMe(ctx context.Context, d device.Device, id ID) error {
	if s.NotMe == nil {
		return nil
	}
	return s.NotMe(ctx, d.ID, string(id))
}

// repeats reports whether this very answer approved, and still counts.
func (s *Service) repeats(a Approval, dev device.ID, raw string) bool {
	state := a.StateAt(s.Now())
	return (state == Approved || state == Redeemed) && a.Device == dev && a.Answer == raw
}

// answer is an approval as it came.
type answer struct {
	message  device.Message
	word     word
	password device.Sealed
}

// unsigned refuses what the phone's key did not sign: nothing is counted and
// nothing decided, or anybody could.
func (s *Service) unsigned(ctx context.Context, a Approval, d device.Device) error {
	return s.refuse(ctx, a, d, device.ErrFactors)
}

// refuse notes that an answer decides nothing.
func (s *Service) refuse(ctx context.Context, a Approval, d device.Device, why error) error {
	e := audit.Entry{Phase: audit.Fact, Action: "approval.answer", Result: "refused", Detail: map[string]string{"device": string(d.ID), "why": why.Error()}}
	if err := s.note(ctx, a, e); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// deny decides against; it voids even what was approved and not yet redeemed.
// It is noted after the fact: a denial must not wait for the audit.
func (s *Service) deny(ctx context.Context, d device.Device, id ID, reason string) (Approval, error) {
	moved := false
	a, err := s.Store.Update(ctx, id, d.ID, func(a *Approval, by *device.Device) error {
		moved = false
		switch state := a.StateAt(s.Now()); {
		case a.Account != d.Account || by == nil || by.Account != a.Account:
			return ErrNoApproval
		case by.State != device.Active && by.State != device.Locked:
			return device.ErrBlocked
		case by.Key != d.Key:
			return device.ErrFactors
		case state == Denied:
			return nil
		case state.Final():
			return &Over{state, a.Reason}
		}
		a.State, a.Reason, a.Decided, a.Device, moved = Denied, reason, s.Now(), d.ID, true
		return nil
	})
	if err != nil || !moved {
		return a, err
	}
	s.moved(a, Ended)
	return a, s.noteEnd(ctx, a)
}

// approve counts and checks the password, and then decides in one transaction.
func (s *Service) approve(ctx context.Context, d device.Device, a Approval, in answer) (Approval, error) {
	if err := s.answerable(a, d); err != nil {
		return Approval{}, s.refuse(ctx, a, d, err)
	}
	if err := s.cleared(ctx, a.Account); err != nil {
		return Approval{}, s.refuse(ctx, a, d, err)
	}
	if err := s.Factors.CheckPassword(ctx, d.ID, in.message, in.password); err != nil {
		return Approval{}, s.refuse(ctx, a, d, err)
	}
	if err := s.note(ctx, a, audit.Entry{Phase: audit.Intent, Action: "approval.answer", Detail: map[string]string{"device": string(d.ID)}}); err != nil {
		return Approval{}, err
	}
	after, err := s.Store.Update(ctx, a.ID, d.ID, func(a *Approval, by *device.Device) error {
		return s.accept(a, by, d, in)
	})
	s.outcome(ctx, a, "approval.answer", err, evidence(after))
	switch {
	case err != nil:
		return Approval{}, err
	case after.State == Denied:
		s.moved(after, Ended)
		return after, s.noteEnd(ctx, after)
	}
	s.moved(after, Decided)
	return after, nil
}

// answerable says why this phone cannot approve now.
func (s *Service) answerable(a Approval, d device.Device) error {
	now := s.Now()
	switch state := a.StateAt(now); {
	case state != Pending:
		return &Over{state, a.Reason}
	case d.Account != a.Account:
		return ErrNoApproval
	case d.State != device.Active:
		return device.ErrLocked
	case a.Risk != Low && d.Cooling(now):
		return &Cooling{d.CoolUntil}
	}
	return nil
}

// accept is the one transaction in which an approval is approved. verified is
// the phone whose key verified the answer.
func (s *Service) accept(a *Approval, by *device.Device, verified device.Device, in answer) error {
	if by == nil || by.ID != verified.ID || by.Key != verified.Key {
		return device.ErrFactors
	}
	if err := s.answerable(*a, *by); err != nil {
		return err
	}
	if in.word.request != hashText(a.Issued[by.ID]) {
		return ErrOther
	}
	now := s.Now()
	if a.Digits(by.ID) > 0 && subtle.ConstantTimeCompare([]byte(in.word.code), []byte(a.MatchCode)) != 1 {
		a.WrongCodes++
		if a.WrongCodes < maxWrongCodes {
			return Keep{ErrMatchCode}
		}
		a.State, a.Reason, a.Decided, a.Device = Denied, WrongCode, now, by.ID
		return nil
	}
	a.State, a.Decided, a.Device, a.Answer = Approved, now, by.ID, in.message.String()
	a.Expires = now.Add(RedeemWithin)
	return nil
}

// hashText is SHA-256 of a request object as answers name it; of none it is
// what no answer names.
func hashText(jws string) string {
	if jws == "" {
		return ""
	}
	return HashOf([]byte(jws)).String()
}

// word is what an answer says: an approval, or a denial with its reason.
type word struct {
	request string // hash of the request object
	code    string
	reason  string // "": approval
}

// spoken is the payload of an answer; nil is what is absent.
type spoken struct {
	V        *int    `json:"v"`
	Request  *string `json:"request_sha256"`
	Decision *string `json:"decision"`
	Code     *string `json:"match_code"`
	Reason   *string `json:"reason"`
	IssuedAt *int64  `json:"iat"`
}

var codeForm = regexp.MustCompile(`^[0-9]{1,6}$`)

// parseWord reads the payload of a validly signed answer. What is not exactly
// an answer is a denial (Malformed): somebody holds the phone's key and does
// not say yes.
func parseWord(payload []byte, digits int) word {
	var in spoken
	if hasNull(payload) || json.Unmarshal(payload, &in, json.RejectUnknownMembers(true)) != nil || !in.complete() {
		return word{reason: Malformed}
	}
	switch *in.Decision {
	case "approve":
		return in.approval(digits)
	case "deny":
		return in.denial()
	default:
		return word{reason: Malformed}
	}
}

func (in spoken) complete() bool {
	if in.V == nil || *in.V != 1 || in.Request == nil || in.Decision == nil || in.IssuedAt == nil {
		return false
	}
	_, err := ParseHash(*in.Request)
	return err == nil
}

// approval demands the code exactly where one is asked for.
func (in spoken) approval(digits int) word {
	switch {
	case in.Reason != nil:
		return word{reason: Malformed}
	case digits == 0 && in.Code == nil:
		return word{request: *in.Request}
	case digits > 0 && in.Code != nil && codeForm.MatchString(*in.Code):
		return word{request: *in.Request, code: *in.Code}
	default:
		return word{reason: Malformed}
	}
}

func (in spoken) denial() word {
	switch {
	case in.Code != nil:
		return word{reason: Malformed}
	case in.Reason == nil || *in.Reason == ByPerson:
		return word{request: *in.Request, reason: ByPerson}
	case *in.Reason == NotMe:
		return word{request: *in.Request, reason: NotMe}
	default:
		return word{reason: Malformed}
	}
}

// hasNull reports whether a JSON object has a member null, which reads like an
// absent one and is none.
func hasNull(payload []byte) bool {
	var members map[string]jsontext.Value
	if json.Unmarshal(payload, &members) != nil {
		return true
	}
	for _, v := range members {
		if v.Kind() == 'n' {
			return true
		}
	}
	return false
}
