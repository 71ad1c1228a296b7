package bench_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/account/accounttest"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/phones"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/member"
)

// workers is how many steps run at once: as many as the store has connections
// to PostgreSQL.
const workers = 16

// house is what confirms: the real stores and services, with a realm in memory
// in Keycloak's place and a hash of device passwords that costs nothing.
type house struct {
	b         *testing.B
	store     *store.Store
	ring      *keyring.Ring
	keys      phones.Keys
	realm     *accounttest.Realm
	devices   *device.Service
	approvals *approval.Service
	stored    *store.Approvals
	run       string // tells this run's people from another's
	drawn     int
}

func newHouse(b *testing.B, dsn string, now func() time.Time) *house {
	b.Helper()
	ring := keyring.Generate(now())
	ring.Now = now
	opened, err := store.Open(b.Context(), dsn, ring, now)
	ok(b, err)
	b.Cleanup(func() { ok(b, opened.Close()) })
	quiet := slog.New(slog.DiscardHandler)
	opened.Log = quiet
	h := &house{b: b, store: opened, ring: ring, keys: phones.Keys{Ring: ring}, realm: accounttest.New(), run: rand.Text()[:8]}
	settings := device.Defaults()
	settings.CoolDown = 0
	h.devices = &device.Service{
		Store: opened.Devices(), Permits: opened.Permits(), Hasher: &device.Hasher{Peppers: h.keys, Params: devicetest.Params(), AtOnce: workers},
		Opener: h.keys, Seals: h.keys, Accounts: h.realm, Audit: opened.Audit(), Notify: &devicetest.Notices{}, Tasks: &devicetest.Tasks{},
		Log: quiet, Now: now, Settings: settings, Audience: devicetest.Audience,
	}
	h.stored = opened.Approvals(store.ApprovalSettings{})
	h.approvals = &approval.Service{
		Store: h.stored, Repeats: h.stored, Watch: &approval.Watch{Changes: h.stored, Log: quiet}, Devices: opened.Devices(), Factors: h.devices, Accounts: h.realm, Seals: h.keys,
		Actions: approvaltest.Actions(), Clients: map[string][]string{approvaltest.Backend: {approvaltest.Address}},
		Requests: h.signing(keyring.Request), Receipts: h.signing(keyring.Receipt),
		Issuer: devicetest.Audience, ReceiptIssuer: "https://login.kasse.example/schleuse/approvals/v1",
		Audit: opened.Audit(), Now: now, Log: quiet,
	}
	return h
}

// signing is a purpose's keys, as the program passes them.
func (h *house) signing(p keyring.Purpose) approval.Keys {
	return approval.Keys{
		Signing: func() (string, crypto.Signer) {
			s := h.ring.Signer(p)
			return string(s.ID), s.Signer
		},
		Published: func() map[string]*ecdsa.PublicKey { return nil },
	}
}

// person has one phone, and what became of what they were asked.
type person struct {
	id     account.ID
	number member.KVNR
	phone  devicetest.Phone

	asked    approval.Approval
	shown    string // the request object
	answer   string // signed by the phone
	password device.Sealed
}

// people are new ones, each with a registered phone.
func (h *house) people(n int) []*person {
	out := make([]*person, n)
	for i := range out {
		h.drawn++
		number := member.KVNR(fmt.Sprintf("A%09d", h.drawn))
		p := &person{id: account.ID(fmt.Sprintf("%s-%d", h.run, h.drawn)), number: number}
		h.realm.Put(account.Account{ID: p.id, Username: strings.ToLower(string(number)), Enabled: true})
		ok(h.b, h.realm.Grant(h.b.Context(), p.id))
		out[i] = p
	}
	h.each(out, h.register)
	return out
}

// register is what an app does after an identification.
func (h *house) register(ctx context.Context, p *person) error {
	now := h.devices.Now()
	caller := device.Caller{Account: p.id, Session: h.realm.SignIn(p.id), Client: devicetest.Client}
	p.phone = devicetest.Phone{Key: devicetest.NewKey()}
	err := h.store.Permits().Give(ctx, device.Permit{
		Session: caller.Session, Client: caller.Client, Account: p.id, Number: p.number, Kinds: []string{device.ByNect},
		Thumbprint: devicetest.Public(p.phone.Key).Thumbprint(), Proof: string(device.NewID()), Given: now, Expires: now.Add(device.PermitLife),
	})
	if err != nil {
		return err
	}
	ticket, err := h.devices.Begin(ctx, caller, devicetest.Public(p.phone.Key), "")
	if err != nil {
		return err
	}
	p.phone.ID = ticket.Device
	m := p.phone.Message(device.Registration, p.phone.Registration(ticket.Text))
	_, err = h.devices.Enrol(ctx, caller, devicetest.Public(p.phone.Key), device.Enrolment{Registration: m, NewPassword: h.seal(m, device.ForNewPassword)})
	return err
}

func (h *house) seal(m device.Message, p device.Purpose) device.Sealed {
	id, to := h.ring.SealTo()
	return devicetest.Seal(string(id), to, m, p, devicetest.Password)
}

// each does a step for everybody, some at once, and returns how long that took.
func (h *house) each(people []*person, do func(context.Context, *person) error) time.Duration {
	h.b.Helper()
	begun := time.Now()
	next := make(chan *person)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for p := range next {
				if err := do(h.b.Context(), p); err != nil {
					h.b.Error(err)
				}
			}
		})
	}
	for _, p := range people {
		next <- p
	}
	close(next)
	all.Wait()
	if h.b.Failed() {
		h.b.FailNow()
	}
	return time.Since(begun)
}

// sqliteFile is the dsn of a new file.
func sqliteFile(b *testing.B) string {
	b.Helper()
	return "sqlite:" + filepath.Join(b.TempDir(), "schleuse.db")
}

// postgresURL is that of a PostgreSQL with its own settings, so with fsync,
// which ends with the benchmark.
func postgresURL(b *testing.B) string {
	b.Helper()
	cache, err := stage.OpenCache(stage.Progress{})
	ok(b, err)
	p, err := cache.StartPostgres(b.Context(), 0)
	ok(b, err)
	b.Cleanup(p.Stop)
	return p.URL
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
