package bench_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/store/postgres"
	"github.com/schleuse/schleuse/sidecar/internal/store/sqlite"
)

// BenchmarkApprovals is how many of each step there are in a second, beside
// bare commits (one row of 512 bytes, inserted by itself over the same driver
// with the same settings, in a commit of its own, and as many callers at once)
// before and after the steps of each round, taken together; those after against
// those before are the control. One operation is one round, and one more before
// them is not counted.
//
// In a figure is all that the services do: signatures made and verified, the
// device password unsealed, its counter, the store, the audit. Not in it are
// HTTP, bearer tokens and DPoP proofs, Keycloak's answers (a realm in memory
// stands for it), pushes, and the hash of the device password: that is
// BenchmarkPassword.
func BenchmarkApprovals(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		bare, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bare.db"))
		ok(b, err)
		defer bare.Close()
		var alone sync.Mutex // transactions that wait for one another would share a commit
		begin := func(statement string, args ...any) error {
			alone.Lock()
			defer alone.Unlock()
			return bare.Write(b.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, statement, args...)
				return err
			})
		}
		ok(b, begin("CREATE TABLE bare (id TEXT PRIMARY KEY, record BLOB NOT NULL)"))
		rounds(newHouse(b, sqliteFile(b), time.Now), begin)
	})
	b.Run("postgres", func(b *testing.B) {
		url := postgresURL(b)
		bare, err := postgres.Open(b.Context(), url)
		ok(b, err)
		defer bare.Close()
		begin := func(statement string, args ...any) error {
			_, err := bare.Reader().ExecContext(b.Context(), statement, args...)
			return err
		}
		ok(b, begin("CREATE TABLE bare (id TEXT PRIMARY KEY, record BYTEA NOT NULL)"))
		rounds(newHouse(b, url, time.Now), begin)
	})
}

// tally is how often something happened in a second, and that as a share of
// the bare commits of the same round; one figure a round.
type tally struct{ rates, shares []float64 }

func (t *tally) add(n int, took time.Duration, bare float64) {
	rate := float64(n) / took.Seconds()
	t.rates, t.shares = append(t.rates, rate), append(t.shares, rate/bare)
}

func (t *tally) report(b *testing.B, name string) {
	slices.Sort(t.rates)
	slices.Sort(t.shares)
	n := len(t.rates)
	b.ReportMetric(t.rates[n/2], name+"/s")
	b.ReportMetric(t.shares[0], name+"-min")
	b.ReportMetric(t.shares[n/2], name+"-share")
	b.ReportMetric(t.shares[n-1], name+"-max")
}

// rounds measures b.N rounds; commit stores one row by itself.
func rounds(h *house, commit func(statement string, args ...any) error) {
	n := 1000
	if testing.Short() {
		n = 48
	}
	steps := []struct {
		name string
		do   func(context.Context, *person) error
	}{{"create", h.ask}, {"open", h.open}, {"approve", h.approve}, {"redeem", h.redeem}}
	figures := make([]tally, len(steps))
	var bare, control tally
	row := bytes.Repeat([]byte{7}, 512)
	insert := func(_ context.Context, p *person) error {
		return commit("INSERT INTO bare (id, record) VALUES ($1, $2)", fmt.Sprintf("%s/%s", p.id, device.NewID()), row)
	}
	for round := range h.b.N + 1 {
		people := h.people(n)
		took := make([]time.Duration, len(steps))
		before := h.each(people, insert)
		for i, step := range steps {
			took[i] = h.each(people, step.do)
			if step.name == "open" {
				h.each(people, h.sign)
			}
		}
		after := h.each(people, insert)
		if round == 0 {
			continue // it only opens connections and fills caches
		}
		reference := float64(2*n) / (before + after).Seconds()
		bare.add(2*n, before+after, reference)
		control.add(n, after, float64(n)/before.Seconds())
		for i := range steps {
			figures[i].add(n, took[i], reference)
		}
	}
	h.b.ReportMetric(0, "ns/op") // a round's length says nothing
	bare.report(h.b, "bare")
	control.report(h.b, "control")
	for i, step := range steps {
		figures[i].report(h.b, step.name)
	}
}

func (h *house) ask(ctx context.Context, p *person) (err error) {
	r := approvaltest.Ask(string(p.id))
	r.Number, r.Account = "", p.id
	p.asked, _, err = h.approvals.Request(ctx, r)
	return err
}

func (h *house) open(ctx context.Context, p *person) (err error) {
	p.shown, err = h.approvals.Open(ctx, p.phone.ID, p.asked.ID)
	return err
}

// sign is the phone's own work, and in no figure.
func (h *house) sign(_ context.Context, p *person) error {
	p.answer = approvaltest.Yes(p.phone, p.shown, p.asked.MatchCode[:p.asked.Digits(p.phone.ID)])
	m, err := device.ParseMessage(p.answer, device.Answer)
	p.password = h.seal(m, device.ForPassword)
	return err
}

func (h *house) approve(ctx context.Context, p *person) error {
	after, err := h.approvals.Answer(ctx, p.phone.ID, p.asked.ID, p.answer, p.password)
	if err == nil && after.State != approval.Approved {
		err = fmt.Errorf("the answer left it %s", after.State)
	}
	return err
}

func (h *house) redeem(ctx context.Context, p *person) error {
	receipt, err := h.approvals.Redeem(ctx, approvaltest.Backend, p.asked.ID, p.asked.Content)
	if err == nil && receipt.JWS == "" {
		err = fmt.Errorf("no receipt of %s", p.asked.ID)
	}
	return err
}

// BenchmarkPassword is what BenchmarkApprovals leaves out of "approve": the
// device password compared with the program's own parameters, one at a time.
func BenchmarkPassword(b *testing.B) {
	w := devicetest.NewBench(time.Now())
	w.Hasher = &device.Hasher{Peppers: w.Keys}
	ok(b, w.Permit(b.Context(), device.ByNect))
	phone, err := w.Register(b.Context())
	ok(b, err)
	m := phone.Message(device.Answer, map[string]any{"v": 1})
	secret := w.Keys.Secret(m, device.ForPassword, devicetest.Password)
	for b.Loop() {
		ok(b, w.CheckPassword(b.Context(), phone.ID, m, secret))
	}
}
