package webhooks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
)

// backend takes webhooks as a client's backend does.
type backend struct {
	t      *testing.T
	secret string
	now    func() time.Time

	mu      sync.Mutex
	status  int
	calls   int
	got     []string      // webhook-id and body of each one taken
	onWards string        // Location of a redirect
	told    chan struct{} // filled by each one taken; nil: not
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	wh, err := standardwebhooks.NewWebhook(b.secret)
	if err == nil {
		err = wh.VerifyIgnoringTimestamp(body, r.Header)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		b.t.Errorf("%s %s: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	if b.status/100 == 2 {
		b.got = append(b.got, r.Header.Get("webhook-id")+" "+string(body))
		if b.told != nil {
			b.told <- struct{}{}
		}
	}
	if b.onWards != "" {
		w.Header().Set("Location", b.onWards)
	}
	w.WriteHeader(b.status)
}

func (b *backend) answers(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

func (b *backend) seen() (calls int, got []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls, append([]string(nil), b.got...)
}

// world is a Sender over a real store, with one backend.
type world struct {
	t      *testing.T
	clock  *storetest.Clock
	store  *store.Store
	outbox *store.Outbox
	sender *webhooks.Sender
	*backend
}

const secret = "of twenty-four bytes at least"

func newWorld(t *testing.T) *world {
	clock := storetest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	b := &backend{t: t, status: 204, now: clock.Now, secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret))}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	at, _ := url.Parse(server.URL)
	s := storetest.Open(t, clock.Now)
	s.Log = slog.New(slog.DiscardHandler)
	w := &world{t: t, clock: clock, backend: b, store: s, outbox: s.Outbox(webhooks.Outbox("backend"))}
	w.sender = &webhooks.Sender{
		Endpoints: map[string]webhooks.Endpoint{"backend": {URL: at, AllowPrivate: true, Secret: func() (string, error) { return b.secret, nil }}},
		Outbox:    func(name string) extension.Outbox { return s.Outbox(name) },
		Records:   s.Records(webhooks.Records), Log: s.Log, Now: clock.Now,
	}
	return w
}

// reach queues what is to be told of an approval in this state.
func (w *world) reach(client string, id approval.ID, state approval.State) {
	w.t.Helper()
	outbox, key, body, ok := webhooks.Announcer(w.sender.Endpoints, w.clock.Now)(approval.Approval{ID: id, Client: client, State: state, Number: "A123456780", MatchCode: "123"})
	if !ok {
		return
	}
	if err := w.store.Outbox(outbox).Put(w.t.Context(), key, body, webhooks.Keep); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deliver() {
	w.t.Helper()
	if _, err := w.outbox.DeliverDue(w.t.Context(), w.sender.Deliver); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) dead() []webhooks.Letter {
	w.t.Helper()
	letters, err := w.sender.Dead(w.t.Context(), "backend")
	if err != nil {
		w.t.Fatal(err)
	}
	return letters
}

func TestClientIsToldIDAndStateAlone(t *testing.T) {
	w := newWorld(t)
	for _, state := range approval.States() {
		w.reach("backend", "aaaa", state)
		w.reach("other", "bbbb", state)
	}
	w.deliver()
	_, got := w.seen()
	var want []string
	for _, state := range []string{"approved", "denied", "expired", "cancelled"} {
		want = append(want, `msg_aaaa_`+state+` {"type":"approval.`+state+`","timestamp":"2026-11-24T12:00:00Z","data":{"id":"aaaa","state":"`+state+`"}}`)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What ends in the store is told, without anything between that could be lost.
func TestStoreAnnouncesWhatEnds(t *testing.T) {
	w := newWorld(t)
	stored := w.outbox.Approvals(store.ApprovalSettings{Announce: webhooks.Announcer(w.sender.Endpoints, w.clock.Now)})
	a := approval.Approval{
		ID: approval.NewID(), Client: "backend", Account: "erika-1", Number: "A123456780", Action: "adresse",
		Content: approval.HashOf(nil), MatchCode: "123", State: approval.Pending, Created: w.clock.Now(), Expires: w.clock.Now().Add(time.Minute),
	}
	admit := func([]approval.Approval) (*approval.Approval, error) { return nil, nil }
	if _, _, err := stored.Create(t.Context(), a, approval.Key{Value: "key"}, admit); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := stored.Update(t.Context(), a.ID, "", func(a *approval.Approval, _ *device.Device) error {
			a.State, a.Reason = approval.Cancelled, approval.ByClient
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		w.deliver()
	}
	if calls, got := w.seen(); calls != 1 || len(got) != 1 || !strings.HasPrefix(got[0], "msg_"+string(a.ID)+"_cancelled ") {
		t.Errorf("%d calls, taken %q", calls, got)
	}
}

// Each client has room of its own and is told in its own time.
func TestAnEndpointThatHangsHoldsUpNoOtherClient(t *testing.T) {
	w := newWorld(t)
	called, release := make(chan struct{}, 10), make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called <- struct{}{}
		<-release
	}))
	t.Cleanup(stuck.Close)
	defer close(release)
	at, _ := url.Parse(stuck.URL)
	w.told = make(chan struct{}, 10)
	slow := w.sender.Endpoints["backend"]
	slow.URL = at
	w.sender.Endpoints["slow"] = slow
	for _, id := range []approval.ID{"aaaa", "dddd", "eeee"} {
		w.reach("slow", id, approval.Approved)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- w.sender.Run(ctx) }()
	<-called // and it hangs from here on
	for _, id := range []approval.ID{"bbbb", "cccc"} {
		w.reach("backend", id, approval.Denied)
		<-w.told
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, got := w.seen(); len(got) != 2 {
		t.Errorf("taken %q", got)
	}
}

func TestMessageIsTriedAgainUntilItIsTaken(t *testing.T) {
	w := newWorld(t)
	w.reach("backend", "aaaa", approval.Approved)
	for _, status := range []int{500, 429, 302, 404, 200} {
		w.answers(status)
		w.deliver()
		w.clock.Add(2 * time.Hour)
	}
	if calls, got := w.seen(); calls != 5 || len(got) != 1 || len(w.dead()) != 0 {
		t.Errorf("%d calls, taken %q, dead %v", calls, got, w.dead())
	}
}

func TestEndpointRestsAfterAFailure(t *testing.T) {
	w := newWorld(t)
	w.answers(500)
	w.reach("backend", "aaaa", approval.Approved)
	w.reach("backend", "bbbb", approval.Approved)
	w.deliver()
	if calls, _ := w.seen(); calls != 1 {
		t.Errorf("%d calls of an endpoint that failed", calls)
	}
	w.answers(204)
	w.clock.Add(time.Minute)
	w.deliver()
	if _, got := w.seen(); len(got) != 2 {
		t.Errorf("taken %q", got)
	}
}

func TestLetterIsLaidAsideAfterADayAndReplayed(t *testing.T) {
	w := newWorld(t)
	w.answers(500)
	w.reach("backend", "aaaa", approval.Approved)
	for range 25 {
		w.deliver()
		w.clock.Add(time.Hour)
	}
	dead := w.dead()
	if len(dead) != 1 || dead[0].ID != "aaaa" || dead[0].State != "approved" || dead[0].Why != "the endpoint answers 500" || dead[0].Laid.Sub(dead[0].At) < 24*time.Hour {
		t.Fatalf("dead %+v", dead)
	}
	if _, err := w.outbox.DeliverDue(t.Context(), func(context.Context, extension.Message) error { return errors.New("still queued") }); err != nil {
		t.Error(err)
	}
	w.answers(204)
	if n, err := w.sender.Replay(t.Context(), "backend", "bbbb"); n != 0 || err != nil {
		t.Errorf("another one: %d %v", n, err)
	}
	if n, err := w.sender.Replay(t.Context(), "backend", ""); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	w.deliver()
	if _, got := w.seen(); len(got) != 1 || !strings.HasPrefix(got[0], "msg_aaaa_approved ") || len(w.dead()) != 0 {
		t.Errorf("taken %q, dead %v", got, w.dead())
	}
}

func TestGoneIsLaidAsideAtOnce(t *testing.T) {
	w := newWorld(t)
	w.answers(410)
	w.reach("backend", "aaaa", approval.Denied)
	w.deliver()
	if calls, _ := w.seen(); calls != 1 || len(w.dead()) != 1 {
		t.Errorf("%d calls, dead %v", calls, w.dead())
	}
}

func TestDeadLettersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.answers(410)
	for range 310 {
		w.reach("backend", approval.NewID(), approval.Denied)
	}
	w.deliver()
	if n := len(w.dead()); n != 300 {
		t.Errorf("%d dead letters", n)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	t.Cleanup(elsewhere.Close)
	w.onWards, w.status = elsewhere.URL, http.StatusTemporaryRedirect
	w.reach("backend", "aaaa", approval.Denied)
	w.deliver()
	if calls, got := w.seen(); calls != 1 || len(got) != 0 {
		t.Errorf("%d calls, taken %q", calls, got)
	}
}

func TestPrivateAddressIsNotCalled(t *testing.T) {
	called := make(chan struct{}, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	t.Setenv("HTTPS_PROXY", server.URL)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} {
		w := newWorld(t)
		at, _ := url.Parse("https://" + host + ":" + port + "/hook?key=of-the-client")
		w.sender.Endpoints["backend"] = webhooks.Endpoint{
			URL: at, Secret: w.sender.Endpoints["backend"].Secret, TLS: server.Client().Transport.(*http.Transport).TLSClientConfig,
		}
		err := w.sender.Deliver(t.Context(), message(t, w))
		if err == nil || !strings.Contains(err.Error(), "not a public one") || strings.Contains(err.Error(), "of-the-client") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(called) > 0 {
		t.Error("called")
	}
}

func message(t *testing.T, w *world) extension.Message {
	t.Helper()
	body, err := json.Marshal(map[string]any{"client": "backend", "id": "aaaa", "state": "denied", "at": w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return extension.Message{Key: "k", Body: body, Attempt: 1}
}

func TestWithoutAllowanceOnlyHTTPS(t *testing.T) {
	w := newWorld(t)
	e := w.sender.Endpoints["backend"]
	e.AllowPrivate = false
	w.sender.Endpoints["backend"] = e
	if err := w.sender.Deliver(t.Context(), message(t, w)); err == nil {
		t.Error("told over http")
	}
	if calls, _ := w.seen(); calls != 0 {
		t.Error("called")
	}
}

func TestSecretIsOfStandardForm(t *testing.T) {
	for secret, ok := range map[string]bool{
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)):        true,
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 64)) + "\n": true,
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)):        false,
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)):        false,
		base64.StdEncoding.EncodeToString(make([]byte, 32)):                   false,
		"whsec_?": false, "": false,
	} {
		if _, err := webhooks.ParseSecret(secret); (err == nil) != ok {
			t.Errorf("%q: %v", secret, err)
		}
	}
}
