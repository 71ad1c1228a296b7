package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Request is what a client asks for.
type Request struct {
	Client   string
	Number   member.KVNR // whom; or
	Account  account.ID  // whom
	Action   string
	Fields   map[string]string // all fields of the action, and no other
	Content  Hash              // of what will be executed
	Lifetime time.Duration     // zero: the action's; a longer one is cut to it
	Key      string            // idempotency key, 1 to 255 characters
	// Session is the browser session in which the person asked, as the client
	// names it; at most 255 bytes. "": unknown, then nothing is superseded.
	Session string
	// Origin is what the person's phone was given (Service.Origin) when its own
	// app began to ask; "": another screen asked, or none.
	Origin string `json:",omitempty"`
}

// Request asks the person, or returns the approval that the same request (same
// client, key and content) made before, whatever has become of the person since;
// created tells which. It returns
// *Invalid, ErrForbidden, ErrNobody, ErrOrigin, ErrKeyReused, ErrPending, or that the
// person was asked too often or denied lately (fault.TooMany with Retry).
func (s *Service) Request(ctx context.Context, r Request) (a Approval, created bool, err error) {
	action, err := s.action(r.Client, r.Action)
	if err != nil {
		return Approval{}, false, err
	}
	if faults := r.faults(action); len(faults) > 0 {
		return Approval{}, false, &Invalid{faults}
	}
	key := Key{Value: r.Key, Digest: r.digest()}
	if a, err = s.Repeats.Again(ctx, r.Client, key); !errors.Is(err, ErrNoApproval) {
		return s.present(a), false, err
	}
	return s.anew(ctx, r, action, key)
}

// anew is Request for what was not asked before.
func (s *Service) anew(ctx context.Context, r Request, action Action, key Key) (a Approval, created bool, err error) {
	from, err := s.origin(r.Origin)
	if err != nil {
		return Approval{}, false, err
	}
	who, number, err := s.subject(ctx, r)
	if err != nil {
		return Approval{}, false, err
	}
	phones, err := s.phones(ctx, who.ID)
	if err != nil {
		return Approval{}, false, err
	}
	if err := from.of(phones); err != nil {
		return Approval{}, false, err
	}
	a, key.Origin = r.approval(action, s.Now()), from.once()
	a.Account, a.Number, a.SameDevice = who.ID, number, from.Device
	a, created, err = s.ask(ctx, a, key)
	if created {
		s.moved(a, Asked)
		s.hint(ctx, a, phones)
	}
	return a, created, err
}

// ask announces and stores.
func (s *Service) ask(ctx context.Context, a Approval, key Key) (stored Approval, created bool, err error) {
	intent := audit.Entry{Phase: audit.Intent, Action: "approval.request"}
	if a.SameDevice != "" {
		intent.Detail = map[string]string{"same_device": string(a.SameDevice)}
	}
	if err := s.note(ctx, a, intent); err != nil {
		return Approval{}, false, err
	}
	var changed *Approval
	stored, created, err = s.Store.Create(ctx, a, key, func(recent []Approval) (*Approval, error) {
		var refuse error
		changed, refuse = admit(a, recent, s.perHour(), s.Now())
		return changed, refuse
	})
	s.outcome(ctx, a, "approval.request", err, nil)
	if changed != nil && (created || err != nil) {
		s.displaced(ctx, *changed)
	}
	if err != nil {
		s.refused(a.Action)
		return Approval{}, false, err
	}
	return stored, created, nil
}

// displaced tells of the approval that the new one met.
func (s *Service) displaced(ctx context.Context, old Approval) {
	if old.State != Cancelled {
		s.wake(old)
		return
	}
	s.moved(old, Ended)
	if err := s.noteEnd(ctx, old); err != nil {
		s.logger().Error("a superseded approval is missing in the audit", "ref", string(old.ID), "err", err)
	}
}

func (s *Service) refused(action string) {
	if s.Meter != nil {
		s.Meter(Refused, action, 0, 0)
	}
}

func (s *Service) perHour() int {
	if s.PerHour > 0 {
		return s.PerHour
	}
	return 10
}

func (s *Service) hint(ctx context.Context, a Approval, phones []device.Device) {
	if s.Hints == nil {
		return
	}
	for _, d := range phones {
		s.Hints.Hint(ctx, d, string(a.ID))
	}
}

// subject finds whom to ask, by a fresh read. All reasons why nobody can be
// asked are one answer.
func (s *Service) subject(ctx context.Context, r Request) (account.Account, member.KVNR, error) {
	who, err := s.find(ctx, r)
	if errors.Is(err, account.ErrNotFound) {
		return account.Account{}, "", ErrNobody
	}
	if err != nil {
		return account.Account{}, "", fmt.Errorf("finding whom to ask: %w", err)
	}
	number, err := member.ParseKVNR(who.Username, false)
	if err != nil || !who.Is(number) || !who.Enabled {
		return account.Account{}, "", ErrNobody
	}
	clearance, err := s.Accounts.Clearance(ctx, who.ID)
	if err != nil {
		return account.Account{}, "", fmt.Errorf("reading whether the person is identified: %w", err)
	}
	if clearance != account.Cleared {
		return account.Account{}, "", ErrNobody
	}
	return who, number, nil
}

func (s *Service) find(ctx context.Context, r Request) (account.Account, error) {
	if r.Account != "" {
		return s.Accounts.Get(ctx, r.Account)
	}
	return s.Accounts.Find(ctx, r.Number)
}

// phones returns the active phones of the person; there is at least one.
func (s *Service) phones(ctx context.Context, id account.ID) ([]device.Device, error) {
	all, err := s.Devices.Of(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the person's phones: %w", err)
	}
	var active []device.Device
	for _, d := range all {
		if d.State == device.Active && d.Account == id {
			active = append(active, d)
		}
	}
	if len(active) == 0 {
		return nil, ErrNobody
	}
	return active, nil
}

const maxKey = 255 // bytes of an idempotency key and of a session

func (r Request) faults(a Action) []Fault {
	out := a.fieldFaults(r.Fields)
	if r.Content == (Hash{}) {
		out = append(out, Fault{"/content_sha256", "is missing"})
	}
	if (r.Number == "") == (r.Account == "") {
		out = append(out, Fault{"/subject", "names one person, by kvnr or by sub"})
	}
	if r.Lifetime != 0 && (r.Lifetime < MinLifetime || r.Lifetime > MaxLifetime) {
		out = append(out, Fault{"/lifetime", fmt.Sprintf("is %d to %d seconds", int(MinLifetime.Seconds()), int(MaxLifetime.Seconds()))})
	}
	if len(r.Session) > maxKey {
		out = append(out, Fault{"/session", fmt.Sprintf("is over %d bytes", maxKey)})
	}
	if r.Key == "" || len(r.Key) > maxKey {
		out = append(out, Fault{"", fmt.Sprintf("wants an idempotency key of 1 to %d bytes", maxKey)})
	}
	return out
}

// digest is over all that the request says, but its key.
func (r Request) digest() [32]byte {
	r.Key = ""
	raw, err := json.Marshal(r)
	if err != nil {
		panic("approval: " + err.Error()) // strings and numbers alone
	}
	return sha256.Sum256(raw)
}

// approval returns the new approval, without its person.
func (r Request) approval(action Action, now time.Time) Approval {
	return Approval{
		ID: NewID(), Client: r.Client, Action: r.Action, Fields: action.ordered(r.Fields), Content: r.Content,
		Risk: action.Risk, Session: r.session(), MatchCode: code(action.digits()),
		State: Pending, Created: now, Expires: now.Add(action.lifetime(r.Lifetime)),
	}
}

// session is an image of the browser session; those of two clients differ.
func (r Request) session() string {
	if r.Session == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(r.Client + "\x00" + r.Session))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// code draws a match code; each is equally likely.
func code(digits int) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic("approval: " + err.Error()) // only a broken random source leads here
	}
	return fmt.Sprintf("%0*d", digits, n)
}

// result is how the audit says that something ended.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, device.ErrFactors) || errors.Is(err, device.ErrLocked) || errors.Is(err, device.ErrBlocked):
		return "refused"
	case fault.KindOf(err) == fault.Internal || fault.KindOf(err) == fault.Unavailable:
		return "failed"
	default:
		return "refused"
	}
}
