package approvaltest

import (
	"context"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
)

// Asker is an approval.Asker whose one person has phones that a test answers
// with. It is safe for concurrent use.
type Asker struct {
	now func() time.Time

	mu     sync.Mutex
	phones int
	fail   error
	will   approval.State // of what is asked from now on; zero: Pending
	asked  []approval.Approval
	keys   map[string]approval.ID
}

var _ approval.Asker = (*Asker)(nil)

// NewAsker returns one of a person without a phone.
func NewAsker(now func() time.Time) *Asker {
	return &Asker{now: now, keys: map[string]approval.ID{}}
}

// Own says how many active phones the person has.
func (k *Asker) Own(phones int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.phones = phones
}

// Will has the phone answer at once what is asked from now on.
func (k *Asker) Will(state approval.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.will = state
}

// FailWith makes every call fail from now on; nil mends it.
func (k *Asker) FailWith(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

// Asked returns what was asked, the oldest first, as it stands now.
func (k *Asker) Asked() []approval.Approval {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]approval.Approval, 0, len(k.asked))
	for _, a := range k.asked {
		a.State = a.StateAt(k.now())
		out = append(out, a)
	}
	return out
}

// Answer gives an approval the state that the phone, or time, gives it.
func (k *Asker) Answer(id approval.ID, state approval.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.asked {
		if k.asked[i].ID == id {
			k.asked[i].State, k.asked[i].Decided = state, k.now()
		}
	}
}

// Phones implements approval.Asker.
func (k *Asker) Phones(context.Context, account.ID) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.phones, k.fail
}

// Ask implements approval.Asker.
func (k *Asker) Ask(_ context.Context, r approval.Request) (approval.Approval, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	action, ours := approval.BuiltIn()[r.Action]
	switch {
	case k.fail != nil:
		return approval.Approval{}, k.fail
	case !ours || r.Key == "" || r.Content == (approval.Hash{}) || r.Account == "" || len(r.Fields) != len(action.Fields):
		return approval.Approval{}, approval.ErrForbidden
	case k.phones == 0:
		return approval.Approval{}, approval.ErrNobody
	}
	if id, again := k.keys[r.Key]; again {
		return k.find(id)
	}
	a := approval.Approval{
		ID: approval.NewID(), Client: approval.Self, Account: r.Account, Action: r.Action, Content: r.Content,
		MatchCode: "042", State: approval.Pending, Created: k.now(), Expires: k.now().Add(action.Lifetime),
	}
	k.answer(&a)
	k.asked, k.keys[r.Key] = append(k.asked, a), a.ID
	return a, nil
}

func (k *Asker) answer(a *approval.Approval) {
	if k.will != 0 {
		a.State, a.Device, a.Decided = k.will, "phone", k.now()
	}
}

// Get implements approval.Asker.
func (k *Asker) Get(_ context.Context, id approval.ID) (approval.Approval, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return approval.Approval{}, k.fail
	}
	return k.find(id)
}

func (k *Asker) find(id approval.ID) (approval.Approval, error) {
	for _, a := range k.asked {
		if a.ID == id {
			a.State = a.StateAt(k.now())
			return a, nil
		}
	}
	return approval.Approval{}, approval.ErrNoApproval
}

// Redeem implements approval.Asker.
func (k *Asker) Redeem(_ context.Context, id approval.ID, content approval.Hash) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	for i, a := range k.asked {
		switch {
		case a.ID != id:
		case a.StateAt(k.now()) != approval.Approved:
			return approval.ErrNotApproved
		case !a.Content.Equal(content):
			return approval.ErrContent
		default:
			k.asked[i].State = approval.Redeemed
			return nil
		}
	}
	return approval.ErrNoApproval
}
