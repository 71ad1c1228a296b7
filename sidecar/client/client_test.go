package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/client"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals/approvalstest"
)

// world is a running API with a backend's client.
type world struct {
	*approvalstest.World
	Backend *client.Client
	t       *testing.T
	road    *road
}

// road is the way to the API; it may break after a request was heard.
type road struct {
	next http.RoundTripper

	mu     sync.Mutex
	losses int // answers that get lost yet
	calls  []string
}

func (r *road) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(q)
	if strings.HasSuffix(q.URL.Path, "/token") {
		return resp, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, q.Method+" "+q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:])
	if err == nil && r.losses > 0 {
		r.losses--
		resp.Body.Close()
		return nil, errors.New("the line broke")
	}
	return resp, err
}

func (r *road) lose(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses, r.calls = n, nil
}

func (r *road) made() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func newWorld(t *testing.T) *world {
	api := approvalstest.New(t)
	way := &road{next: http.DefaultTransport}
	realm := clientcredentials.Config{ClientID: approvaltest.Backend, ClientSecret: approvalstest.Secret, TokenURL: api.TokenURL}
	authorized := realm.Client(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: way}))
	go api.Watch.Run(t.Context())
	return &world{World: api, t: t, road: way, Backend: &client.Client{
		URL: api.URL, ID: approvaltest.Backend, HTTP: authorized, Now: api.Clock,
	}}
}

const content = "the new address"

func question() client.Question {
	return client.Question{
		Subject: client.Subject{KVNR: approvaltest.Number}, Action: approvaltest.Address, Content: client.HashOf([]byte(content)),
		Fields: map[string]string{"alt": "Am Siel 2", "neu": "Am Deich 1"},
	}
}

// asked is a pending approval.
func (w *world) asked() client.Approval {
	w.t.Helper()
	a, err := w.Backend.Ask(w.t.Context(), question())
	if err != nil || a.State != client.Pending {
		w.t.Fatalf("%+v %v", a, err)
	}
	return a
}

// person answers with yes.
func (w *world) person(id string) {
	w.t.Helper()
	a, err := w.Store.Get(w.t.Context(), approval.ID(id))
	if err == nil {
		_, err = w.Confirm(w.t.Context(), a)
	}
	if err != nil {
		w.t.Error(err)
	}
}

// refusing answers with no.
func (w *world) refusing(id string) {
	w.t.Helper()
	shown, err := w.Open(w.t.Context(), w.Phone.ID, approval.ID(id))
	if err == nil {
		_, err = w.Answer(w.t.Context(), w.Phone.ID, approval.ID(id), approvaltest.No(w.Phone, shown, ""), approvaltest.Typed(""))
	}
	if err != nil {
		w.t.Error(err)
	}
}

func expected(a client.Approval) client.Expected {
	return client.Expected{ID: a.ID, Action: approvaltest.Address, Content: client.HashOf([]byte(content))}
}

func TestAQuestionOfThePersonsOwnApp(t *testing.T) {
	w := newWorld(t)
	q := question()
	var err error
	if q.Origin, _, err = w.Origin(t.Context(), w.Phone.ID, approval.OriginLife); err != nil {
		t.Fatal(err)
	}
	a, err := w.Backend.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := w.Store.Get(t.Context(), approval.ID(a.ID)); err != nil || stored.SameDevice != w.Phone.ID {
		t.Errorf("%q, %v", stored.SameDevice, err)
	}
	if _, err := w.Backend.Ask(t.Context(), q); !client.Is(err, client.BadOrigin) {
		t.Errorf("an origin serves again: %v", err)
	}
}

func TestConfirmedByThePerson(t *testing.T) {
	w := newWorld(t)
	var code string
	receipt, err := w.Backend.Confirm(t.Context(), question(), func(a client.Approval) {
		code = a.MatchCode
		go w.person(a.ID)
	})
	if err != nil || len(code) != 3 {
		t.Fatalf("code %q: %v", code, err)
	}
	want := client.Receipt{
		JWS: receipt.JWS, ID: receipt.ID, Subject: string(approvaltest.Erika), Action: approvaltest.Address,
		Content: client.HashOf([]byte(content)), Device: string(w.Phone.ID),
		Decided: w.Clock().Truncate(time.Second), Expires: w.Clock().Truncate(time.Second).Add(2 * time.Minute),
	}
	if diff := cmp.Diff(want, receipt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a, err := w.Backend.Read(t.Context(), receipt.ID); a.State != client.Used || err != nil {
		t.Errorf("%+v %v", a, err)
	}
}

func TestRefusedByThePerson(t *testing.T) {
	w := newWorld(t)
	_, err := w.Backend.Confirm(t.Context(), question(), func(a client.Approval) { go w.refusing(a.ID) })
	var refused *client.Refused
	if !errors.As(err, &refused) || refused.Approval.State != client.Denied || refused.Approval.Reason != "by_person" {
		t.Errorf("%v", err)
	}
}

func TestLostAnswersAskThePersonOnce(t *testing.T) {
	w := newWorld(t)
	w.road.lose(2)
	a := w.asked()
	if calls := w.road.made(); len(calls) != 3 {
		t.Errorf("calls %q", calls)
	}
	all, err := w.Backend.List(t.Context(), client.Filter{})
	if err != nil || len(all) != 1 || all[0].ID != a.ID {
		t.Errorf("%+v %v", all, err)
	}
}

func TestWaitComesAgain(t *testing.T) {
	w := newWorld(t)
	a := w.asked()
	w.road.lose(1)
	go w.person(a.ID)
	if now, err := w.Backend.Wait(t.Context(), a.ID); err != nil || now.State != client.Approved {
		t.Errorf("%+v %v", now, err)
	}
}

func TestWaitDoesNotHurryAnAPIThatStops(t *testing.T) {
	w := newWorld(t)
	a := w.asked()
	w.Stop()
	w.road.lose(0)
	go func() {
		for len(w.road.made()) == 0 {
			runtime.Gosched()
		}
		w.person(a.ID)
	}()
	now, err := w.Backend.Wait(t.Context(), a.ID)
	if calls := w.road.made(); err != nil || now.State != client.Approved || len(calls) > 2 {
		t.Errorf("%+v %v, calls %q", now, err, calls)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	a := w.asked()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Backend.Wait(ctx, a.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestRedeemIsNeverRepeated(t *testing.T) {
	w := newWorld(t)
	a := w.asked()
	w.person(a.ID)
	if _, err := w.Backend.Verify(t.Context(), "x.y.z", expected(a)); !errors.Is(err, client.ErrReceipt) {
		t.Error(err)
	}
	if _, err := w.Backend.Redeem(t.Context(), client.Expected{ID: a.ID, Action: a.Action, Content: client.HashOf(nil)}); !client.Is(err, client.Content) {
		t.Error(err)
	}
	w.road.lose(1)
	if _, err := w.Backend.Redeem(t.Context(), expected(a)); err == nil {
		t.Error("a receipt that got lost is there")
	}
	if calls := w.road.made(); len(calls) != 1 {
		t.Errorf("calls %q", calls)
	}
	if _, err := w.Backend.Redeem(t.Context(), expected(a)); !client.Is(err, client.Redeemed) {
		t.Error(err)
	}
}

func TestProblemsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	q := question()
	q.Fields = map[string]string{"alt": "Am Siel 2"}
	var p *client.Problem
	if _, err := w.Backend.Ask(t.Context(), q); !errors.As(err, &p) || p.Name != client.Invalid || p.Status != 422 ||
		len(p.Errors) != 1 || p.Errors[0].Pointer != "/fields/neu" || p.Instance == "" {
		t.Errorf("%+v", p)
	}
	a := w.asked()
	if _, err := w.Backend.Ask(t.Context(), question()); !client.Is(err, client.AlreadyOpen) {
		t.Error(err)
	}
	if now, err := w.Backend.Cancel(t.Context(), a.ID); err != nil || now.State != client.Cancelled || now.Reason != "client" {
		t.Errorf("%+v %v", now, err)
	}
	if _, err := w.Backend.Redeem(t.Context(), expected(a)); !errors.As(err, &p) || p.Name != client.Over || p.State != client.Cancelled {
		t.Errorf("%+v", p)
	}
	if _, err := w.Backend.Read(t.Context(), "../keys"); err == nil {
		t.Error("an id leads elsewhere")
	}
}

func TestListIsNarrowed(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for range 3 {
		a := w.asked()
		ids = append(ids, a.ID)
		if _, err := w.Backend.Cancel(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Minute)
	}
	got, err := w.Backend.List(t.Context(), client.Filter{States: []client.State{client.Cancelled, client.Denied}, Before: ids[2], Limit: 1})
	if err != nil || len(got) != 1 || got[0].ID != ids[1] {
		t.Errorf("%+v %v", got, err)
	}
}

func TestHashTravelsInOneForm(t *testing.T) {
	h := client.HashOf([]byte(content))
	if h.String() != approval.HashOf([]byte(content)).String() {
		t.Error(h.String())
	}
	var back client.Hash
	if err := back.UnmarshalText([]byte(h.String())); err != nil || back != h {
		t.Error(back, err)
	}
	for _, text := range []string{"", "YQ", h.String() + "=", fmt.Sprintf("%x", h)} {
		if back.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestEventIsReadOfItsWebhook(t *testing.T) {
	var e client.Event
	if err := e.Read([]byte(`{"type":"approval.denied","timestamp":"2026-12-01T08:00:00Z","data":{"id":"x","state":"denied"}}`)); err != nil || e.ID != "x" || e.State != client.Denied {
		t.Errorf("%+v %v", e, err)
	}
	for _, body := range []string{``, `{}`, `{"type":"approval.denied","data":{"id":"x","state":"approved"}}`, `{"type":"approval.denied","data":{"state":"denied"}}`} {
		if e.Read([]byte(body)) == nil {
			t.Errorf("%s is read", body)
		}
	}
}
