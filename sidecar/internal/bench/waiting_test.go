package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/bench"
	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

// BenchmarkWaiting is by how much the process grows for each call that waits,
// in resident memory, after a collection before and after. Bare is a handler
// of net/http that waits, and the control: connection, buffers and goroutine
// are in it, and the client's own end (under one KiB), which is in the same
// process. Each is to be run in a process of its own, since a goroutine's
// record is never given back.
func BenchmarkWaiting(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("bare/%d", n), func(b *testing.B) { b.ReportMetric(waiting(b, newBare(b), n), "KiB-each") })
		b.Run(fmt.Sprintf("approvals/%d", n), func(b *testing.B) { b.ReportMetric(waiting(b, newAsking(b, n), n), "KiB-each") })
		b.Run(fmt.Sprintf("inbox/%d", n), func(b *testing.B) { b.ReportMetric(waiting(b, newInboxes(b, n), n), "KiB-each") })
	}
}

// subject is a server at which calls wait.
type subject struct {
	server  *httptest.Server
	request func(i int) string // the whole of it
	waiting func() int
	release func()      // lets all of them go
	rest    func(i int) // before the i-th call: lets limits by time recover
}

// waiting returns the KiB that each of n calls takes.
func waiting(b *testing.B, s subject, n int) float64 {
	b.Helper()
	requests := make([]string, n)
	for i := range requests {
		requests[i] = s.request(i)
	}
	open := make([]net.Conn, n)
	before := resident(b)
	var dialer net.Dialer
	for i := range open {
		if s.rest != nil {
			s.rest(i)
		}
		c, err := dialer.DialContext(b.Context(), "tcp", s.server.Listener.Addr().String())
		ok(b, err)
		defer c.Close()
		open[i] = c
		_, err = io.WriteString(c, requests[i])
		ok(b, err)
	}
	for deadline := time.Now().Add(50 * time.Second); s.waiting() < n; runtime.Gosched() {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d wait", s.waiting(), n)
		}
	}
	after := resident(b)
	if got := s.waiting(); got != n {
		b.Fatalf("%d of %d still wait", got, n)
	}
	s.release()
	for _, c := range open {
		answered(b, c)
	}
	b.ReportMetric(0, "ns/op") // how long it took says nothing
	return float64(after-before) / float64(n) / 1024
}

// answered demands that the call ended as one that waited in vain.
func answered(b *testing.B, c net.Conn) {
	b.Helper()
	const want = "HTTP/1.1 200 "
	got := make([]byte, len(want))
	ok(b, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		b.Fatalf("answered %q, %v", got, err)
	}
}

// resident is the process's memory once all that may be given back is.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC() // what finalizers hold goes with the second
	debug.FreeOSMemory()
	m, err := bench.MemoryOf(os.Getpid())
	ok(b, err)
	return m.Resident
}

func newBare(b *testing.B) subject {
	var n atomic.Int64
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		select {
		case <-done:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusOK)
	}))
	b.Cleanup(server.Close)
	request := fmt.Sprintf("GET /?wait=60 HTTP/1.1\r\nHost: %s\r\n\r\n", server.Listener.Addr())
	return subject{
		server: server, request: func(int) string { return request }, waiting: func() int { return int(n.Load()) },
		release: func() { close(done) },
	}
}

// face is an API that listens, and the time that it goes by.
type face struct {
	*house
	clock  *storetest.Clock
	server *httptest.Server
	base   *url.URL
	done   chan struct{}
}

func newFace(b *testing.B, path string) *face {
	b.Helper()
	f := &face{clock: storetest.NewClock(time.Now()), done: make(chan struct{}), server: httptest.NewUnstartedServer(nil)}
	f.house = newHouse(b, sqliteFile(b), f.clock.Now)
	f.base = &url.URL{Scheme: "http", Host: f.server.Listener.Addr().String(), Path: path}
	return f
}

// start serves, and looks for changes as the program does.
func (f *face) start(handler http.Handler) {
	f.server.Config.Handler = handler
	f.server.Start()
	f.b.Cleanup(f.server.Close)
	ctx, cancel := context.WithCancel(f.b.Context())
	var run sync.WaitGroup
	run.Go(func() { f.approvals.Watch.Run(ctx) })
	f.b.Cleanup(func() {
		cancel()
		run.Wait()
	})
}

func (f *face) subject(request func(i int) string) subject {
	return subject{
		server: f.server, request: request, waiting: f.approvals.Watch.Waiting, release: func() { close(f.done) },
		rest: func(i int) {
			if i%500 == 499 {
				f.clock.Add(5 * time.Second)
			}
		},
	}
}

func (f *face) bearer() (*api.Bearer, *relyingtest.Issuer) {
	issuer := relyingtest.NewIssuer(f.b, f.clock.Now)
	transport := relyingtest.Transport()
	f.b.Cleanup(transport.CloseIdleConnections)
	return &api.Bearer{
		Issuer: issuer.URL, Audience: "schleuse", Keys: api.RemoteKeys(issuer.URL+"/certs", transport, f.clock.Now), Now: f.clock.Now,
	}, issuer
}

// newAsking is the Approvals API with n approvals, each waited for.
func newAsking(b *testing.B, n int) subject {
	f := newFace(b, approvals.Prefix)
	bearer, issuer := f.bearer()
	bearer.Role = approvals.Role
	f.start((&approvals.Face{
		Service: f.approvals, Bearer: bearer, Host: f.base.Host, Stopping: f.done, Log: slog.New(slog.DiscardHandler), Now: f.clock.Now,
	}).Handler())
	now := f.clock.Now()
	token := issuer.Sign("JWT", map[string]any{
		"iss": issuer.URL, "aud": "schleuse", "azp": approvaltest.Backend, "sub": "service", "typ": "Bearer",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "realm_access": map[string]any{"roles": []string{approvals.Role}},
	})
	ids := make([]approval.ID, n)
	for i := range ids {
		ids[i] = approval.NewID()
		a := approval.Approval{
			ID: ids[i], Client: approvaltest.Backend, Account: approvaltest.Erika, Number: approvaltest.Number, Action: approvaltest.Address,
			Content: approval.HashOf(nil), MatchCode: "123", State: approval.Pending, Created: now, Expires: now.Add(10 * time.Minute),
			Fields: []approval.Field{{Name: "alt", Value: "Am Siel 2, 26721 Emden"}, {Name: "neu", Value: "Am Deich 1, 26721 Emden"}},
		}
		_, _, err := f.stored.Create(b.Context(), a, approval.Key{Value: string(a.ID)}, func([]approval.Approval) (*approval.Approval, error) { return nil, nil })
		ok(b, err)
	}
	return f.subject(func(i int) string {
		return fmt.Sprintf("GET %s/approvals/%s?wait=60 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", f.base.Path, ids[i], f.base.Host, token)
	})
}

// newInboxes is the Device API with n phones, each waiting at its empty inbox.
func newInboxes(b *testing.B, n int) subject {
	f := newFace(b, devices.Path)
	bearer, _ := f.bearer()
	bearer.Bound = true
	f.devices.Audience = f.base.String()
	f.start((&devices.API{
		Base: f.base, Devices: f.devices, Approvals: f.approvals, Tokens: bearer, Clients: []string{"kundenapp"},
		SealTo: func() (string, []byte) {
			id, key := f.ring.SealTo()
			return string(id), key.Bytes()
		},
		Seals: f.keys, Proofs: f.store.Proofs(), Stopping: f.done, Log: slog.New(slog.DiscardHandler), Now: f.clock.Now,
	}).Handler())
	holders := make([]*phones.Key, n)
	for i := range holders {
		holders[i] = f.holder(i)
	}
	nonce := f.nonce()
	target := f.base.String() + "/inbox"
	return f.subject(func(i int) string {
		key := holders[i]
		proof, err := key.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.Public()},
			map[string]any{"jti": strings.Repeat("A", 22), "htm": http.MethodGet, "htu": target, "iat": f.clock.Now().Unix(), "nonce": nonce})
		ok(b, err)
		return fmt.Sprintf("GET %s/inbox?wait=60 HTTP/1.1\r\nHost: %s\r\nDPoP: %s\r\n\r\n", f.base.Path, f.base.Host, proof)
	})
}

// holder puts a phone of another person into the store, whose key the
// benchmark holds.
func (f *face) holder(i int) *phones.Key {
	key, err := phones.NewKey()
	ok(f.b, err)
	public, err := json.Marshal(key.Public())
	ok(f.b, err)
	known, err := device.ParseJWK(public)
	ok(f.b, err)
	now := f.clock.Now()
	d := device.Device{
		ID: device.NewID(), Account: account.ID(fmt.Sprintf("person-%d", i)), Number: approvaltest.Number, Name: "Telefon", Platform: "android",
		Key: known, State: device.Active, Created: now, LastUsed: now.Truncate(time.Hour), CoolUntil: now, Password: device.Secret{Hash: "none", Set: now},
	}
	permit := device.Permit{
		Session: account.SID("sid-" + d.ID), Client: "kundenapp", Account: d.Account, Number: d.Number, Kinds: []string{device.ByNect},
		Thumbprint: known.Thumbprint(), Proof: string(d.ID), Given: now, Expires: now.Add(device.PermitLife),
	}
	ok(f.b, f.store.Permits().Give(f.b.Context(), permit))
	_, err = f.store.Permits().Use(f.b.Context(), permit.Session, permit.Client, func(device.Permit, []device.Device) ([]device.Device, error) {
		return []device.Device{d}, nil
	})
	ok(f.b, err)
	return key
}

// nonce is one of the API's own.
func (f *face) nonce() string {
	r, err := http.NewRequestWithContext(f.b.Context(), http.MethodGet, f.base.String()+"/time", nil)
	ok(f.b, err)
	resp, err := f.server.Client().Do(r)
	ok(f.b, err)
	defer resp.Body.Close()
	return resp.Header.Get("DPoP-Nonce")
}
