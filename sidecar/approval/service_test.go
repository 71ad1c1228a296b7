package approval_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// world is a World with what tests of one approval need.
type world struct {
	*approvaltest.World
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{approvaltest.NewWorld(), t}
	if err := w.Validate(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("err = %v, want %v", err, want)
	}
}

func (w *world) ask(key string) approval.Approval {
	w.t.Helper()
	a, created, err := w.Request(w.t.Context(), approvaltest.Ask(key))
	w.must(err)
	if !created || a.State != approval.Pending {
		w.t.Fatalf("created %v, %s", created, a.State)
	}
	return a
}

func (w *world) confirmed(key string) approval.Approval {
	w.t.Helper()
	a, err := w.Confirm(w.t.Context(), w.ask(key))
	w.must(err)
	if a.State != approval.Approved {
		w.t.Fatalf("%s %s", a.State, a.Reason)
	}
	return a
}

// phone gives a person another phone.
func (w *world) phone(id account.ID, number string) devicetest.Phone {
	p := devicetest.NewPhone()
	d := p.Device(id, "", w.Clock().Add(-48*time.Hour))
	d.Number = approvaltest.Number
	if number != "" {
		d.Number = "M123456784"
	}
	w.Phones.Put(d)
	return p
}

func (w *world) change(id device.ID, fn func(*device.Device)) {
	w.t.Helper()
	d, err := w.Phones.Get(w.t.Context(), id)
	w.must(err)
	fn(&d)
	w.Phones.Put(d)
}

func (w *world) open(a approval.Approval) string {
	w.t.Helper()
	shown, err := w.Open(w.t.Context(), w.Phone.ID, a.ID)
	w.must(err)
	return shown
}

func (w *world) state(a approval.Approval) approval.State {
	w.t.Helper()
	now, err := w.Get(w.t.Context(), a.Client, a.ID)
	w.must(err)
	return now.State
}

var content = approval.HashOf([]byte("the new address"))

func TestFromAskingToTheReceipt(t *testing.T) {
	w := newWorld(t)
	var events []approval.Event
	w.Meter = func(e approval.Event, action string, _ approval.State, age time.Duration) {
		if action != approvaltest.Address || age < 0 {
			t.Errorf("%s of %q after %s", e, action, age)
		}
		events = append(events, e)
	}
	a := w.ask("k")
	in, err := w.Inbox(t.Context(), w.Phone.ID)
	w.must(err)
	if in.Count != 1 || in.Items[0].ID != a.ID {
		t.Errorf("inbox: %+v", in)
	}
	a, err = w.Confirm(t.Context(), a)
	w.must(err)
	receipt, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
	w.must(err)
	w.wantReceipt(receipt, a)
	if _, err = w.Redeem(t.Context(), approvaltest.Backend, a.ID, content); !errors.Is(err, approval.ErrRedeemed) {
		t.Errorf("again: %v", err)
	}
	want := []approval.Event{approval.Asked, approval.Delivered, approval.Opened, approval.Decided, approval.Claimed}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	w.wantAudit("approval.request 2 ", "approval.request 3 ok", "approval.answer 2 ", "approval.answer 3 ok",
		"approval.redeem 2 ", "approval.redeem 3 ok", "approval.redeem 2 ", "approval.redeem 3 refused")
	e := w.Audited.Entries()[5]
	if e.Person != approvaltest.Erika || e.Client != approvaltest.Backend || e.Detail["answer"] != a.Answer || e.Detail["request"] == "" {
		t.Errorf("evidence: %+v", e)
	}
}

func (w *world) wantReceipt(receipt approval.Receipt, a approval.Approval) {
	w.t.Helper()
	signed, err := jose.ParseSignedCompact(receipt.JWS, []jose.SignatureAlgorithm{jose.ES256})
	w.must(err)
	if _, err := signed.Verify(w.Receipts.JWKS().Keys[0]); err != nil {
		w.t.Error(err)
	}
	h := signed.Signatures[0].Protected
	if h.KeyID != "receipt-1" || h.ExtraHeaders[jose.HeaderType] != "approval-receipt+jwt" || len(h.ExtraHeaders) != 1 {
		w.t.Errorf("header: %+v", h)
	}
	var got approval.ReceiptClaims
	w.must(approvaltest.Payload(receipt.JWS, &got))
	now := w.Clock()
	want := approval.ReceiptClaims{
		Issuer: w.ReceiptIssuer, Audience: approvaltest.Backend, Subject: string(approvaltest.Erika), ID: a.ID,
		IssuedAt: now.Unix(), Expires: now.Unix() + 120, Action: approvaltest.Address, Content: content.String(),
		Device: w.Phone.ID, Decided: now.Unix(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("receipt (-want +got):\n%s", diff)
	}
}

func (w *world) wantAudit(want ...string) {
	w.t.Helper()
	var got []string
	for _, e := range w.Audited.Entries() {
		got = append(got, e.Action+" "+string(rune('0'+e.Phase))+" "+e.Result)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestTheRequestObjectIsTheSameBytesEachTime(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	shown := w.open(a)
	w.Pass(time.Minute)
	if again := w.open(a); again != shown {
		t.Error("other bytes")
	}
	signed, err := jose.ParseSignedCompact(shown, []jose.SignatureAlgorithm{jose.ES256})
	w.must(err)
	if _, err := signed.Verify(w.Requests.JWKS().Keys[0]); err != nil {
		t.Error(err)
	}
	var got map[string]any
	w.must(approvaltest.Payload(shown, &got))
	want := map[string]any{
		"v": 1.0, "iss": w.Issuer, "aud": string(w.Phone.ID), "jti": string(a.ID), "iat": float64(approvaltest.Start.Unix()),
		"exp": float64(approvaltest.Start.Unix() + 300), "action": "adresse", "client": "backend",
		"title": map[string]any{"de": "Adresse ändern", "en": "Change address"},
		"fields": []any{
			map[string]any{"name": "alt", "label": map[string]any{"de": "Bisherige Adresse", "en": "Present address"}, "value": "Am Siel 2, 26721 Emden"},
			map[string]any{"name": "neu", "label": map[string]any{"de": "Neue Adresse", "en": "New address"}, "value": "Am Deich 1, 26721 Emden"},
		},
		"content_sha256": content.String(), "risk": "high", "match_code": 3.0, "refused": 0.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := w.phone(approvaltest.Erika, "")
	theirs, err := w.Open(t.Context(), other.ID, a.ID)
	w.must(err)
	if theirs == shown {
		t.Error("two phones were handed the same")
	}
}

// TestNothingButTheWholeWayRedeems bends the way at each place.
func TestNothingButTheWholeWayRedeems(t *testing.T) {
	for name, tt := range map[string]struct {
		bend func(w *world, a approval.Approval)
		want error
	}{
		"not answered":         {func(*world, approval.Approval) {}, approval.ErrNotApproved},
		"phone blocked":        {after(func(w *world) { w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Blocked }) }), approval.ErrOver},
		"phone locked":         {after(func(w *world) { w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked }) }), approval.ErrOver},
		"phone of another":     {after(func(w *world) { w.change(w.Phone.ID, func(d *device.Device) { d.Account = "moritz-1" }) }), approval.ErrOver},
		"clearance withdrawn":  {after(func(w *world) { w.withdraw() }), approval.ErrPerson},
		"account exempt":       {after(func(w *world) { w.Realm.Exempt(approvaltest.Erika) }), approval.ErrPerson},
		"account disabled":     {after(func(w *world) { w.Realm.Put(account.Account{ID: approvaltest.Erika, Username: "a123456780"}) }), approval.ErrPerson},
		"time over":            {after(func(w *world) { w.Pass(approval.RedeemWithin) }), approval.ErrOver},
		"cancelled":            {cancelled, approval.ErrOver},
		"voided":               {voided, approval.ErrOver},
		"denied after all":     {deniedAfter, approval.ErrOver},
		"not me after all":     {notMeAfter, approval.ErrOver},
		"voided with all":      {voidedAll, approval.ErrOver},
		"expired, then asked":  {func(w *world, _ approval.Approval) { w.Pass(5 * time.Minute) }, approval.ErrOver},
		"the realm is silent":  {after(func(w *world) { w.Realm.Break("Clearance", errors.New("down")) }), nil},
		"the audit is silent":  {after(func(w *world) { w.Audited.FailWith(errDown) }), nil},
		"the store is silent":  {after(func(w *world) { w.Memory.Break(errDown) }), nil},
		"the account is gone":  {after(func(w *world) { w.Realm.Break("Get", account.ErrNotFound) }), approval.ErrPerson},
		"another idea of time": {after(func(w *world) { w.Pass(time.Hour) }), approval.ErrOver},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.ask("k")
			tt.bend(w, a)
			receipt, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
			if err == nil || receipt.JWS != "" {
				t.Fatalf("redeemed: %+v, %v", receipt, err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

var errDown = errors.New("down")

// after bends once the person has approved.
func after(bend func(*world)) func(*world, approval.Approval) {
	return func(w *world, a approval.Approval) {
		_, err := w.Confirm(w.t.Context(), a)
		w.must(err)
		bend(w)
	}
}

func cancelled(w *world, a approval.Approval) {
	_, err := w.Confirm(w.t.Context(), a)
	w.must(err)
	for range 2 {
		_, err = w.Cancel(w.t.Context(), approvaltest.Backend, a.ID)
		w.must(err)
	}
}

func voided(w *world, a approval.Approval) {
	_, err := w.Void(w.t.Context(), a.ID)
	w.must(err)
}

func voidedAll(w *world, a approval.Approval) {
	_, err := w.Confirm(w.t.Context(), a)
	w.must(err)
	w.must(w.VoidAll(w.t.Context(), approvaltest.Erika, approval.ByOperator))
}

func deniedAfter(w *world, a approval.Approval) {
	_, err := w.Confirm(w.t.Context(), a)
	w.must(err)
	now, err := w.Answer(w.t.Context(), w.Phone.ID, a.ID, approvaltest.No(w.Phone, w.issued(a), ""), device.Sealed{})
	w.must(err)
	if now.State != approval.Denied || now.Reason != approval.ByPerson {
		w.t.Errorf("%s %s", now.State, now.Reason)
	}
}

func notMeAfter(w *world, a approval.Approval) {
	_, err := w.Confirm(w.t.Context(), a)
	w.must(err)
	for range 2 {
		w.must2(w.Answer(w.t.Context(), w.Phone.ID, a.ID, approvaltest.No(w.Phone, w.issued(a), approval.NotMe), device.Sealed{}))
	}
}

// issued is what the phone was handed.
func (w *world) issued(a approval.Approval) string {
	w.t.Helper()
	now, err := w.Memory.Get(w.t.Context(), a.ID)
	w.must(err)
	return now.Issued[w.Phone.ID]
}

func TestRedeemingRefusesOthers(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed("k")
	_, err := w.Redeem(t.Context(), "another", a.ID, content)
	w.want(err, approval.ErrNoApproval)
	_, err = w.Redeem(t.Context(), "", a.ID, content)
	w.want(err, approval.ErrNoApproval)
	_, err = w.Redeem(t.Context(), approvaltest.Backend, approval.NewID(), content)
	w.want(err, approval.ErrNoApproval)
	_, err = w.Redeem(t.Context(), approvaltest.Backend, a.ID, approval.HashOf([]byte("another address")))
	w.want(err, approval.ErrContent)
	_, err = w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
	w.must(err)
}

func TestABlockedPhoneVoidsForGood(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed("k")
	w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked })
	_, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
	var over *approval.Over
	if !errors.As(err, &over) || over.State != approval.Cancelled || over.Reason != approval.Blocked {
		t.Fatal(err)
	}
	w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Active })
	_, err = w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
	w.want(err, approval.ErrOver)
}

func TestTheSigningKeyIsUsedBeforeTheApproval(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed("k")
	good := w.Receipts
	w.Receipts = approval.Keys{Signing: approvaltest.BrokenKey}
	if _, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, content); err == nil {
		t.Fatal("signed by a broken key")
	}
	w.Receipts = good
	_, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, content)
	w.must(err)
}

func TestWhoMayBeAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		bend func(w *world, r *approval.Request)
		want error
	}{
		"unknown number":  {func(_ *world, r *approval.Request) { r.Number = "X110411675" }, approval.ErrNobody},
		"unknown account": {func(_ *world, r *approval.Request) { r.Number, r.Account = "", "nobody" }, approval.ErrNobody},
		"not identified":  {func(w *world, _ *approval.Request) { w.withdraw() }, approval.ErrNobody},
		"staff":           {func(w *world, _ *approval.Request) { w.Realm.Exempt(approvaltest.Erika) }, approval.ErrNobody},
		"disabled": {func(w *world, _ *approval.Request) {
			w.Realm.Put(account.Account{ID: approvaltest.Erika, Username: "a123456780"})
		}, approval.ErrNobody},
		"phone blocked": {func(w *world, _ *approval.Request) {
			w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Blocked })
		}, approval.ErrNobody},
		"phone locked": {func(w *world, _ *approval.Request) {
			w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked })
		}, approval.ErrNobody},
		"other client":   {func(_ *world, r *approval.Request) { r.Client = "another" }, approval.ErrForbidden},
		"no client":      {func(_ *world, r *approval.Request) { r.Client = "" }, approval.ErrForbidden},
		"our own action": {func(_ *world, r *approval.Request) { r.Action = approval.Enrol }, approval.ErrForbidden},
		"unknown action": {func(_ *world, r *approval.Request) { r.Action = "bank" }, approval.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := approvaltest.Ask("k")
			tt.bend(w, &r)
			_, created, err := w.Request(t.Context(), r)
			w.want(err, tt.want)
			if created {
				t.Error("created")
			}
		})
	}
}

func TestARequestThatDoesNotFitNamesThePlaces(t *testing.T) {
	for name, tt := range map[string]struct {
		bend func(r *approval.Request)
		want []string
	}{
		"missing and unknown field":  {func(r *approval.Request) { r.Fields = map[string]string{"neu": "x", "iban": "y"} }, []string{"/fields/alt", "/fields/iban"}},
		"control character":          {func(r *approval.Request) { r.Fields["neu"] = "a\nb" }, []string{"/fields/neu"}},
		"turned direction":           {func(r *approval.Request) { r.Fields["neu"] = "a\u202eb" }, []string{"/fields/neu"}},
		"only an empty braille cell": {func(r *approval.Request) { r.Fields["neu"] = "\u2800" }, []string{"/fields/neu"}},
		"a filler that is not seen":  {func(r *approval.Request) { r.Fields["neu"] = "a\u3164" }, []string{"/fields/neu"}},
		"a joiner that is not seen":  {func(r *approval.Request) { r.Fields["neu"] = "a\u034f" }, []string{"/fields/neu"}},
		"a variation selector":       {func(r *approval.Request) { r.Fields["neu"] = "a\ufe0f" }, []string{"/fields/neu"}},
		"blanks in a row":            {func(r *approval.Request) { r.Fields["neu"] = "100\u00a0\u2003 \u3000000" }, []string{"/fields/neu"}},
		"an unassigned character":    {func(r *approval.Request) { r.Fields["neu"] = "a\U000e0fffb" }, []string{"/fields/neu"}},
		"a noncharacter":             {func(r *approval.Request) { r.Fields["neu"] = "a\ufdd0b" }, []string{"/fields/neu"}},
		"isolated direction":         {func(r *approval.Request) { r.Fields["neu"] = "a\u2066b" }, []string{"/fields/neu"}},
		"not UTF-8":                  {func(r *approval.Request) { r.Fields["neu"] = "a\xff" }, []string{"/fields/neu"}},
		"line separator":             {func(r *approval.Request) { r.Fields["neu"] = "a\u2028b" }, []string{"/fields/neu"}},
		"blank":                      {func(r *approval.Request) { r.Fields["neu"] = " " }, []string{"/fields/neu"}},
		"too long":                   {func(r *approval.Request) { r.Fields["neu"] = strings.Repeat("x", 1001) }, []string{"/fields/neu"}},
		"odd name":                   {func(r *approval.Request) { r.Fields["A B"] = "x" }, []string{"/fields"}},
		"no hash":                    {func(r *approval.Request) { r.Content = approval.Hash{} }, []string{"/content_sha256"}},
		"two subjects":               {func(r *approval.Request) { r.Account = approvaltest.Erika }, []string{"/subject"}},
		"no subject":                 {func(r *approval.Request) { r.Number = "" }, []string{"/subject"}},
		"lifetime":                   {func(r *approval.Request) { r.Lifetime = time.Second }, []string{"/lifetime"}},
		"session and key":            {func(r *approval.Request) { r.Session, r.Key = strings.Repeat("x", 256), "" }, []string{"/session", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := approvaltest.Ask("k")
			tt.bend(&r)
			_, _, err := w.Request(t.Context(), r)
			var invalid *approval.Invalid
			if !errors.As(err, &invalid) || fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			var got []string
			for _, f := range invalid.Faults {
				got = append(got, f.Pointer)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLapsedApprovalsAreStoredAndNoted(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	if n, err := w.Lapse(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	w.Pass(5 * time.Minute)
	for _, want := range []int{1, 0} {
		if n, err := w.Lapse(t.Context()); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
	}
	if w.state(a) != approval.Expired {
		t.Error(w.state(a))
	}
	w.wantAudit("approval.request 2 ", "approval.request 3 ok", "approval.expired 1 ok")
}

func TestNoIntentNoAction(t *testing.T) {
	w := newWorld(t)
	w.Audited.FailWith(errDown)
	_, _, err := w.Request(t.Context(), approvaltest.Ask("k"))
	w.want(err, errDown)
	w.Audited.FailWith(nil)
	a := w.ask("l")
	shown := w.open(a)
	w.Audited.FailWith(errDown)
	_, err = w.Answer(t.Context(), w.Phone.ID, a.ID, approvaltest.Yes(w.Phone, shown, a.MatchCode), approvaltest.Typed(approvaltest.Password))
	w.want(err, errDown)
	if w.state(a) != approval.Pending {
		t.Error(w.state(a))
	}
	// A denial does not wait for the audit.
	_, err = w.Answer(t.Context(), w.Phone.ID, a.ID, approvaltest.No(w.Phone, shown, ""), device.Sealed{})
	w.want(err, errDown)
	if w.state(a) != approval.Denied {
		t.Error(w.state(a))
	}
}

func TestSettingsAreChecked(t *testing.T) {
	w := newWorld(t)
	w.Clients = map[string][]string{approval.Self: {approvaltest.Address}, "x": {"nothing"}}
	bad := approvaltest.Actions()[approvaltest.Address]
	bad.Name, bad.MatchCode, bad.Title = "bad", 1, nil
	w.Actions = map[string]approval.Action{approvaltest.Address: approvaltest.Actions()[approvaltest.Address], "bad": bad, approval.Enrol: {Name: approval.Enrol}}
	err := w.Validate()
	for _, want := range []string{"we ask under this name", `no action "nothing"`, "match_code", "title", "is our own"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q in: %v", want, err)
		}
	}
}

func (w *world) withdraw() {
	w.t.Helper()
	w.must(w.Realm.Withdraw(w.t.Context(), approvaltest.Erika))
}
