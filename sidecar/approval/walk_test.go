package approval_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// walk plays random histories of persons, phones, a backend and a thief, and
// remembers what it did itself, in words simple enough to be believed.
type walk struct {
	*approvaltest.World
	t      *rapid.T
	ctx    context.Context
	phones []devicetest.Phone
	asked  []approval.Approval
	shown  map[approval.ID]map[device.ID]string
	// agreed are answers by which a person really approved: which phone signed
	// them, over which bytes, when.
	agreed   map[approval.ID]consent
	denied   map[approval.ID]bool
	receipts map[approval.ID]int
	last     map[approval.ID]approval.State
	n        int
}

type consent struct {
	phone device.ID
	until time.Time
}

func newWalk(t *rapid.T) *walk {
	w := &walk{
		World: approvaltest.NewWorld(), t: t, ctx: context.Background(), shown: map[approval.ID]map[device.ID]string{},
		agreed: map[approval.ID]consent{}, denied: map[approval.ID]bool{}, receipts: map[approval.ID]int{}, last: map[approval.ID]approval.State{},
	}
	w.phones = []devicetest.Phone{w.Phone, devicetest.NewPhone(), devicetest.NewPhone()}
	w.Phones.Put(w.phones[1].Device(approvaltest.Erika, approvaltest.Number, approvaltest.Start))
	w.Phones.Put(w.phones[2].Device("moritz-1", "M123456784", approvaltest.Start))
	return w
}

func (w *walk) some() approval.Approval {
	if len(w.asked) == 0 {
		w.t.Skip("nothing was asked")
	}
	return rapid.SampledFrom(w.asked[max(0, len(w.asked)-3):]).Draw(w.t, "approval")
}

func (w *walk) phone() devicetest.Phone { return rapid.SampledFrom(w.phones).Draw(w.t, "phone") }

func (w *walk) ask(t *rapid.T) {
	w.n++
	r := approvaltest.Ask(fmt.Sprint("k", rapid.IntRange(w.n-1, w.n).Draw(t, "key")))
	r.Content = approval.HashOf([]byte(r.Key))
	r.Session = rapid.SampledFrom([]string{"", "mine", "mine", "theirs"}).Draw(t, "session")
	if rapid.Bool().Draw(t, "by the phone") {
		r.Origin, _, _ = w.Origin(w.ctx, w.phones[0].ID, approval.OriginLife)
	}
	if a, created, err := w.Request(w.ctx, r); err == nil && created {
		w.asked = append(w.asked, a)
	}
}

func (w *walk) show(*rapid.T) {
	a, p := w.some(), w.phone()
	shown, err := w.Open(w.ctx, p.ID, a.ID)
	if err != nil {
		return
	}
	if w.shown[a.ID] == nil {
		w.shown[a.ID] = map[device.ID]string{}
	}
	if before := w.shown[a.ID][p.ID]; before != "" && before != shown {
		w.t.Fatal("the phone was handed other bytes")
	}
	w.shown[a.ID][p.ID] = shown
}

// answer answers with anything: the right or another phone's key, bytes, code,
// password, decision.
func (w *walk) answer(t *rapid.T) {
	a, p, signer, about := w.some(), w.phone(), w.phone(), w.some()
	bytes := w.shown[about.ID][p.ID]
	code := rapid.SampledFrom([]string{a.MatchCode, "", "000"}).Draw(t, "code")
	password := rapid.SampledFrom([]string{approvaltest.Password, "wrong"}).Draw(t, "password")
	kind := rapid.SampledFrom([]string{"approve", "approve", "approve", "deny", "garbage"}).Draw(t, "kind")
	var payload any = map[string]any{"v": 1, "request_sha256": approval.HashOf([]byte(bytes)).String(), "decision": kind, "iat": 1, "match_code": code}
	if code == "" || kind == "deny" {
		payload = map[string]any{"v": 1, "request_sha256": approval.HashOf([]byte(bytes)).String(), "decision": kind, "iat": 1}
	}
	raw := devicetest.SignBy(signer.Key, p.ID, device.Answer, payload)
	got, err := w.Answer(w.ctx, p.ID, a.ID, raw, approvaltest.Typed(password))
	needs := a.MatchCode
	if a.SameDevice == p.ID {
		needs = ""
	}
	meant := kind == "approve" && signer.ID == p.ID && bytes != "" && about.ID == a.ID && code == needs &&
		password == approvaltest.Password && p.ID != w.phones[2].ID
	switch {
	case err == nil && got.State == approval.Approved && !meant:
		t.Fatalf("approved by %s/%s of %q", p.ID, signer.ID, kind)
	case err == nil && got.State == approval.Approved && got.Answer == raw:
		if _, there := w.agreed[a.ID]; !there {
			w.agreed[a.ID] = consent{p.ID, w.Clock().Add(approval.RedeemWithin)}
		}
	case err == nil && got.State == approval.Denied:
		w.denied[a.ID] = true
	}
}

// confirm asks, opens and approves as one should.
func (w *walk) confirm(t *rapid.T) {
	w.ask(t)
	a := w.some()
	if got, err := w.Confirm(w.ctx, a); err == nil && got.State == approval.Approved {
		w.agreed[a.ID] = consent{w.Phone.ID, w.Clock().Add(approval.RedeemWithin)}
		w.last[a.ID] = approval.Approved
		if rapid.Bool().Draw(t, "at once") {
			w.claim(t, a, a.Client, a.Content)
		}
	}
}

func (w *walk) redeem(t *rapid.T) {
	a := w.some()
	content := rapid.SampledFrom([]approval.Hash{a.Content, a.Content, a.Content, approval.HashOf([]byte("another"))}).Draw(t, "content")
	client := rapid.SampledFrom([]string{approvaltest.Backend, approvaltest.Backend, approvaltest.Backend, "another", approval.Self}).Draw(t, "client")
	w.claim(t, a, client, content)
}

// claim redeems, and judges when that succeeds.
func (w *walk) claim(t *rapid.T, a approval.Approval, client string, content approval.Hash) {
	if _, err := w.Redeem(w.ctx, client, a.ID, content); err != nil {
		return
	}
	w.receipts[a.ID]++
	yes, agreed := w.agreed[a.ID]
	d, err := w.Phones.Get(w.ctx, yes.phone)
	clearance, _ := w.Realm.Clearance(w.ctx, approvaltest.Erika)
	switch {
	case !agreed:
		t.Fatal("redeemed what nobody approved")
	case w.denied[a.ID]:
		t.Fatal("redeemed what was denied")
	case w.receipts[a.ID] > 1:
		t.Fatal("redeemed twice")
	case content != a.Content || client != a.Client:
		t.Fatal("redeemed by another client or for other bytes")
	case err != nil || d.State != device.Active:
		t.Fatalf("redeemed with a phone that is %s", d.State)
	case !w.Clock().Before(yes.until):
		t.Fatal("redeemed too late")
	case clearance.String() != "cleared":
		t.Fatal("redeemed for a person who is not identified")
	}
}

// turn locks, unlocks or blocks a phone; in the place of a blocked one its owner
// gets another.
func (w *walk) turn(t *rapid.T) {
	i := rapid.IntRange(0, len(w.phones)-1).Draw(t, "which")
	d, err := w.Phones.Get(w.ctx, w.phones[i].ID)
	if err != nil {
		t.Fatal(err)
	}
	d.State = rapid.SampledFrom([]device.State{device.Active, device.Active, device.Active, device.Locked, device.Blocked}).Draw(t, "state")
	if d.State == device.Blocked {
		d.Ended = w.Clock()
		w.phones[i] = devicetest.NewPhone()
		w.Phones.Put(w.phones[i].Device(d.Account, d.Number, w.Clock()))
		w.Phone = w.phones[0]
	}
	w.Phones.Put(d)
}

func (w *walk) end(t *rapid.T) {
	a := w.some()
	var err error
	if rapid.Bool().Draw(t, "by the operator") {
		_, err = w.Void(w.ctx, a.ID)
	} else {
		_, err = w.Cancel(w.ctx, approvaltest.Backend, a.ID)
	}
	if err == nil && w.receipts[a.ID] == 0 {
		w.denied[a.ID] = true
	}
}

func (w *walk) identify(t *rapid.T) {
	err := w.Realm.Grant(w.ctx, approvaltest.Erika)
	if rapid.IntRange(0, 3).Draw(t, "withdraw") == 3 {
		err = errors.Join(err, w.Realm.Withdraw(w.ctx, approvaltest.Erika))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// check holds after every step.
func (w *walk) check(t *rapid.T) {
	pending := map[string]int{}
	for _, a := range w.asked {
		now, err := w.Memory.Get(w.ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if before, there := w.last[a.ID]; there && !before.May(now.State) {
			t.Fatalf("went from %s to %s", before, now.State)
		}
		w.last[a.ID] = now.State
		if now.StateAt(w.Clock()) == approval.Pending {
			pending[now.Action]++
		}
		if now.State == approval.Redeemed && w.receipts[a.ID] != 1 {
			t.Fatalf("redeemed with %d receipts", w.receipts[a.ID])
		}
	}
	for action, n := range pending {
		if n > 1 {
			t.Fatalf("%d pending of %s", n, action)
		}
	}
}

// TestNoPathLeadsPastThePerson: whatever happens in whatever order, a receipt
// needs an answer of an active phone of that person over exactly those bytes,
// with code and password, in time, once.
func TestNoPathLeadsPastThePerson(t *testing.T) {
	redeemed := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWalk(t)
		t.Repeat(map[string]func(*rapid.T){
			"ask": w.ask, "ask again": w.ask, "show": w.show, "show again": w.show, "answer": w.answer, "answer again": w.answer,
			"redeem": w.redeem, "redeem again": w.redeem, "turn": w.turn, "end": w.end, "identify": w.identify,
			"confirm": w.confirm, "confirm again": w.confirm,
			"pass": func(t *rapid.T) {
				w.Pass(time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second)
				_, _ = w.Lapse(w.ctx)
			},
			"": w.check,
		})
		redeemed += len(w.receipts)
	})
	if redeemed < 10 {
		t.Errorf("the walks redeemed %d times: they see nothing", redeemed)
	}
}
