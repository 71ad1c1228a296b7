package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/client"
)

// identified is an identified customer at the Kunden-App who finds this Schleuse.
func (m *mortal) identified() *appUser {
	m.t.Helper()
	person := nextPerson()
	withAccount(m.t, person)
	leaveAfter(m.t, person)
	if err := theatre.Keycloak.Admin.Grant(m.t.Context(), person.Number, "identified"); err != nil {
		m.t.Fatal(err)
	}
	m.listed(person)
	return m.appUser(person)
}

// listed is on file with an address, to which a letter can go.
func (m *mortal) listed(person stage.Person) {
	m.t.Helper()
	inFile(m.t, m.Members, fmt.Sprintf("%s;active;%s;Test Maria;;1970-01-01;10115;%s;\n", person.Number, surnameOf(person), mailOf(person)))
}

func (m *mortal) appUser(person stage.Person) *appUser {
	u := (&annexe{letters: filepath.Join(m.spec.Dir, play.LettersFolder)}).appUser(m.t, person)
	m.serve(u.browser)
	return u
}

// TestReplicasRedeemOnce: asked at one, confirmed at the other, redeemed at
// both at once.
func TestReplicasRedeemOnce(t *testing.T) {
	openAnnexe(t) // it has the mailbox
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := cache.StartPostgres(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(postgres.Stop)
	spec := play.Spec{Store: postgres.URL, NectURL: theatre.Ports.NectURL()}
	first := newReplica(t, spec, nil)
	second := newReplica(t, spec, first)
	u := first.identified()
	second.listed(u.person)
	p := u.phone()
	there := second.appUser(u.person)
	q := u.address("Neue Straße 7")
	asked, err := u.backend().Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	p.HTTP = there.browser.HTTPClient()
	if _, err := p.Approve(t.Context(), there.waiting(p, asked.ID), asked.MatchCode, devicePassword); err != nil {
		t.Fatal(err)
	}
	backends := []*client.Client{u.backend(), there.backend()}
	var receipts, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := backends[i%2].Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content})
			switch {
			case err == nil:
				receipts.Add(1)
			case client.Is(err, "redeemed"):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if receipts.Load() != 1 || refused.Load() != 15 {
		t.Errorf("%d receipts, %d refusals", receipts.Load(), refused.Load())
	}
}

// How many approvals the program is killed under, by how many people at once.
const (
	confirmations = 1000
	people        = 8
)

// killed is a Schleuse that dies while people confirm.
type killed struct {
	*mortal
	executed sync.Map // approval id → how often its change was executed
	done     atomic.Int32
}

// TestKilledDuringAThousandApprovals: none is lost, and none executed twice.
func TestKilledDuringAThousandApprovals(t *testing.T) {
	openAnnexe(t) // it has the mailbox
	m := newReplica(t, play.Spec{NectURL: theatre.Ports.NectURL()}, nil)
	k := &killed{mortal: m}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var all sync.WaitGroup
	for range people {
		u := m.identified()
		p, backend := u.phone(), u.backend()
		all.Go(func() {
			for i := range confirmations / people {
				if err := k.confirm(ctx, u, p, backend, i); err != nil {
					t.Errorf("the %d. of a person: %v", i+1, err)
					return
				}
			}
		})
	}
	var reaper sync.WaitGroup
	deaths := 0
	reaper.Go(func() { deaths = k.reap(ctx) })
	all.Wait()
	end()
	reaper.Wait()
	twice := 0
	k.executed.Range(func(_, n any) bool {
		if n.(int) > 1 {
			twice++
		}
		return true
	})
	t.Logf("%d confirmed, %d deaths", k.done.Load(), deaths)
	if k.done.Load() != confirmations || twice > 0 || deaths < 3 {
		t.Errorf("%d of %d confirmed, %d executed twice, %d deaths", k.done.Load(), confirmations, twice, deaths)
	}
	if _, err := theatre.Run(t.Context(), "audit", "verify", "--config", m.Config); err != nil {
		t.Error(err)
	}
}

// reap kills the program at random moments and brings it back.
func (k *killed) reap(ctx context.Context) (deaths int) {
	for {
		select {
		case <-ctx.Done():
			return deaths
		case <-time.After(500*time.Millisecond + time.Duration(rand.Int64N(int64(3*time.Second)))):
		}
		k.Kill()
		deaths++
		k.rise()
	}
}

// confirm has one change confirmed and executes it. Whoever does not learn
// whether an approval was used up asks anew, with another key.
func (k *killed) confirm(ctx context.Context, u *appUser, p *device.Phone, backend *client.Client, i int) error {
	for round := range 50 {
		q := u.address(fmt.Sprintf("Neue Straße %d", i))
		q.Key = fmt.Sprintf("%s/%d/%d", u.person.Number, i, round)
		q.Session = "one" // an approval that was given up gives way
		asked, err := again(ctx, func() (client.Approval, error) { return backend.Ask(ctx, q) })
		if err != nil {
			return fmt.Errorf("asking: %w", err)
		}
		if _, err := again(ctx, func() (device.Decision, error) { return k.approve(ctx, p, asked) }); err != nil {
			return fmt.Errorf("approving: %w", err)
		}
		receipt, err := backend.Redeem(ctx, client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content})
		if err != nil {
			if isProblem(err) && !client.Is(err, "unavailable") && !client.Is(err, "redeemed") {
				return fmt.Errorf("redeeming: %w", err)
			}
			continue
		}
		n, _ := k.executed.LoadOrStore(receipt.ID, 0)
		k.executed.Store(receipt.ID, n.(int)+1)
		k.done.Add(1)
		return nil
	}
	return errors.New("asked fifty times")
}

func (k *killed) approve(ctx context.Context, p *device.Phone, asked client.Approval) (device.Decision, error) {
	shown, err := p.Request(ctx, asked.ID)
	if device.Is(err, "request_over") {
		return device.Decision{}, nil // approved by the answer that was lost
	}
	if err != nil {
		return device.Decision{}, err
	}
	return p.Approve(ctx, shown, asked.MatchCode, devicePassword)
}

// again repeats a call while the program is dead.
func again[T any](ctx context.Context, call func() (T, error)) (out T, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if out, err = call(); err == nil || isProblem(err) && !client.Is(err, "unavailable") && !device.Is(err, "unavailable") {
			return out, err
		}
	}
	return out, err
}

// isProblem reports whether an error is an answer of the program.
func isProblem(err error) bool {
	var ours *client.Problem
	var theirs *device.Problem
	return errors.As(err, &ours) || errors.As(err, &theirs)
}
