package devices_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/api/apitest"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	house "github.com/schleuse/schleuse/sidecar/internal/phones"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// What the person knows.
const (
	password = "Möwe über dem Deich"
	pin      = "271828"
)

// world is a running Device API with everything behind it in memory, and
// phones that were written against the protocol alone.
type world struct {
	*approvaltest.World
	t       *testing.T
	api     *devices.API
	service *device.Service
	ring    *keyring.Ring
	keys    house.Keys
	issuer  *relyingtest.Issuer
	base    string
	tasks   tasks
	news    tasks // of changes of phones
	notices notices
	client  *http.Client
}

func newWorld(t *testing.T, change ...func(*devices.API)) *world {
	t.Helper()
	w := &world{World: approvaltest.NewWorld(), t: t}
	w.ring = keyring.Generate(w.Clock())
	w.ring.Now = w.Clock
	w.keys = house.Keys{Ring: w.ring}
	w.Phones.News = &w.news
	w.issuer = relyingtest.NewIssuer(t, w.Clock)
	server := httptest.NewUnstartedServer(nil)
	base := &url.URL{Scheme: "http", Host: server.Listener.Addr().String(), Path: devices.Path}
	w.base = base.String()
	w.service = &device.Service{
		Store: w.Phones, Permits: w.Phones, Seals: w.keys, Opener: w.keys, Audience: w.base,
		Hasher:   &device.Hasher{Peppers: w.keys, Params: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}},
		Accounts: w.Realm, Audit: w.Audited, Notify: &w.notices, Tasks: &w.tasks, Now: w.Clock, Settings: device.Defaults(),
		Log: slog.New(slog.DiscardHandler),
	}
	w.Issuer, w.Factors, w.NotMe = w.base, w.service, w.service.WasNotMe
	transport := relyingtest.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	w.api = &devices.API{
		Base: base, Devices: w.service, Approvals: &w.Service, Clients: []string{"kundenapp"}, Channels: []string{"fcm"},
		Tokens: &api.Bearer{
			Issuer: w.issuer.URL, Audience: "schleuse", Bound: true, Now: w.Clock,
			Keys: api.RemoteKeys(w.issuer.URL+"/certs", transport, w.Clock),
		},
		SealTo: func() (string, []byte) {
			id, key := w.ring.SealTo()
			return string(id), key.Bytes()
		},
		Seals: w.keys, Proofs: &proofs{}, Log: slog.New(slog.DiscardHandler), Now: w.Clock,
	}
	for _, c := range change {
		c(w.api)
	}
	server.Config.Handler = w.api.Handler()
	server.Start()
	t.Cleanup(server.Close)
	w.client = &http.Client{Transport: &documented{t, apitest.Open(t, devices.Path, devices.Document), transport}}
	return w
}

// documented holds every answer against the document.
type documented struct {
	t    *testing.T
	spec *apitest.Document
	next http.RoundTripper
}

func (d *documented) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil || resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	d.spec.Answer(d.t, r, resp, body)
	return resp, err
}

// token is an access token of somebody's session in the app, with these claims
// changed; nil takes one away.
func (w *world) token(who account.ID, sid account.SID, changes map[string]any) string {
	claims := map[string]any{
		"iss": w.issuer.URL, "aud": "schleuse", "azp": "kundenapp", "sub": string(who), "sid": string(sid), "typ": "Bearer",
		"iat": w.Clock().Unix(), "exp": w.Clock().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return w.issuer.Sign("JWT", claims)
}

// permit is what the gate gives to Erika's app after an identification.
func (w *world) permit(p *phones.Phone, sid account.SID) {
	w.t.Helper()
	w.give(p, erika, approvaltest.Number, sid)
}

// give gives somebody's app a permit for this phone.
func (w *world) give(p *phones.Phone, who account.ID, number string, sid account.SID, change ...func(*device.Permit)) {
	w.t.Helper()
	now := w.Clock()
	permit := device.Permit{
		Session: sid, Client: "kundenapp", Account: who, Number: member.KVNR(number), Thumbprint: p.Key.Public().Thumbprint(),
		Kinds: []string{device.ByNect}, Proof: string(device.NewID()), Given: now, Expires: now.Add(device.PermitLife),
	}
	for _, c := range change {
		c(&permit)
	}
	w.ok(w.Phones.Give(w.t.Context(), permit))
}

// blank is a phone that nobody registered.
func (w *world) blank() *phones.Phone {
	w.t.Helper()
	key, err := phones.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	return &phones.Phone{Base: w.base, Key: key, HTTP: w.client}
}

// enrolled is a phone of Erika that has cooled down, with the app open.
func (w *world) enrolled() *phones.Phone {
	w.t.Helper()
	p := w.fresh(approvaltest.Erika, approvaltest.Number)
	w.Pass(w.service.Settings.CoolDown)
	w.open(p)
	return p
}

// fresh is a phone that somebody has just registered.
func (w *world) fresh(who account.ID, number string) *phones.Phone {
	w.t.Helper()
	sid := w.Realm.SignIn(who)
	p := w.blank()
	w.give(p, who, number, sid)
	if _, err := p.Enrol(w.t.Context(), w.token(who, sid, nil), "Telefon", "android", password); err != nil {
		w.t.Fatal(err)
	}
	w.ok(p.SetPIN(w.t.Context(), password, pin))
	return p
}

func (w *world) open(p *phones.Phone) {
	w.t.Helper()
	w.ok(p.OpenByPIN(w.t.Context(), pin))
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused demands the problem of this word.
func (w *world) refused(err error, word string) {
	w.t.Helper()
	if !phones.Is(err, word) {
		w.t.Errorf("err = %v, want the problem %s", err, word)
	}
}

// ask asks Erika to confirm an address.
func (w *world) ask() approval.Approval {
	w.t.Helper()
	a, created, err := w.Request(w.t.Context(), approvaltest.Ask(string(approval.NewID())))
	if err != nil || !created {
		w.t.Fatalf("asking: %v, %v", created, err)
	}
	return a
}

// shown asks, and reads the request on the phone.
func (w *world) shown(p *phones.Phone) (approval.Approval, phones.Request) {
	w.t.Helper()
	a := w.ask()
	r, err := p.Request(w.t.Context(), string(a.ID))
	w.ok(err)
	return a, r
}

// state is where an approval stands.
func (w *world) state(id approval.ID) approval.State {
	w.t.Helper()
	a, err := w.Memory.Get(w.t.Context(), id)
	w.ok(err)
	return a.StateAt(w.Clock())
}

// proofs implements devices.Proofs in memory.
type proofs struct {
	mu    sync.Mutex
	taken map[[sha256.Size]byte]bool
}

func (p *proofs) Take(_ context.Context, key [sha256.Size]byte, _ time.Time) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken == nil {
		p.taken = map[[sha256.Size]byte]bool{}
	}
	fresh := !p.taken[key]
	p.taken[key] = true
	return fresh, nil
}

// tasks keeps what must be done; carry does it.
type tasks struct {
	mu     sync.Mutex
	queued []device.Task
}

func (q *tasks) Queue(_ context.Context, task device.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, old := range q.queued {
		if old.Key == task.Key {
			return nil
		}
	}
	q.queued = append(q.queued, task)
	return nil
}

// carry does what is queued and returns how much that was.
func (w *world) carry() int {
	w.t.Helper()
	w.tasks.mu.Lock()
	defer w.tasks.mu.Unlock()
	for _, task := range w.tasks.queued {
		w.ok(w.service.Carry(w.t.Context(), task.Body))
	}
	n := len(w.tasks.queued)
	w.tasks.queued = nil
	return n
}

type notices struct {
	mu   sync.Mutex
	sent []notify.Notice
}

func (n *notices) Send(_ context.Context, notice notify.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, notice)
	return nil
}

// told are the kinds of all notices, in their order; those about phones are
// delivered first.
func (w *world) told() string {
	w.t.Helper()
	w.news.mu.Lock()
	defer w.news.mu.Unlock()
	for _, task := range w.news.queued {
		w.ok(w.service.Carry(w.t.Context(), task.Body))
	}
	w.news.queued = nil
	var out []string
	for _, notice := range w.notices.sent {
		out = append(out, string(notice.Kind))
	}
	return strings.Join(out, " ")
}

// asProblem finds the problem in an error.
func asProblem(err error, into **phones.Problem) bool { return errors.As(err, into) }
