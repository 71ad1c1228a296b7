package device_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// slow is a pepper that can be held up.
type slow struct {
	*devicetest.Keys
	held atomic.Bool
	gate chan struct{}
}

func (s *slow) Pepper(version, domain string, parts ...[]byte) ([]byte, string, error) {
	if s.held.Load() {
		<-s.gate
	}
	return s.Keys.Pepper(version, domain, parts...)
}

func TestNobodyUsesUpTheMachineByGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := registered(t)
		peppers := &slow{Keys: b.Keys, gate: make(chan struct{})}
		b.Hasher = &device.Hasher{Peppers: peppers, Params: devicetest.Params(), AtOnce: 2}
		must(t, check(t.Context(), b, p, devicetest.Password))
		peppers.held.Store(true)
		var guesses sync.WaitGroup
		var refused, wrong atomic.Int64
		guess := func() {
			switch err := check(t.Context(), b, p, "wrong"); {
			case fault.KindOf(err) == fault.Unavailable:
				refused.Add(1)
			case errors.Is(err, device.ErrFactors):
				wrong.Add(1)
			default:
				t.Errorf("%v", err)
			}
		}
		for range 2 + 64 {
			guesses.Go(guess)
		}
		synctest.Wait()
		guess() // one too many: refused before any time passes
		if refused.Load() != 1 {
			t.Errorf("%d refused at once", refused.Load())
		}
		if d := state(t, b, p.ID); d.Password.Wrong != 2 {
			t.Errorf("%d tries counted of which 2 are compared", d.Password.Wrong)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if refused.Load() != 1+64 {
			t.Errorf("%d refused after their wait", refused.Load())
		}
		close(peppers.gate)
		guesses.Wait()
		if wrong.Load() != 2 {
			t.Errorf("%d compared", wrong.Load())
		}
		must(t, check(t.Context(), b, p, devicetest.Password))
	})
}
