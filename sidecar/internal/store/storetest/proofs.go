package storetest

import (
	"crypto/sha256"
	"testing"
	"time"
)

var proofTests = map[string]func(*testing.T, *fixture){
	"OneOfManyTakesAProof":          oneTakesAProof,
	"AProofIsForgottenAfterItsTime": proofsAreForgotten,
}

func oneTakesAProof(t *testing.T, f *fixture) {
	key := sha256.Sum256([]byte("a proof"))
	taken := make([]bool, racers)
	errs := race(racers, func(i int) (err error) {
		taken[i], err = f.one(i).Proofs().Take(t.Context(), key, start.Add(time.Minute))
		return err
	})
	count(t, errs, nil)
	n := 0
	for _, yes := range taken {
		if yes {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of %d took the same proof", n, racers)
	}
	other, err := f.one(0).Proofs().Take(t.Context(), sha256.Sum256([]byte("another")), start.Add(time.Minute))
	if must(t, err); !other {
		t.Error("another proof was refused")
	}
}

func proofsAreForgotten(t *testing.T, f *fixture) {
	s, key := f.one(0), sha256.Sum256([]byte("a proof"))
	_, err := s.Proofs().Take(t.Context(), key, start.Add(time.Minute))
	must(t, err)
	f.clock.Add(59 * time.Second)
	if swept, err := s.Sweep(t.Context()); err != nil || swept.Proofs != 0 {
		t.Fatalf("a proof was forgotten in its time: %d, %v", swept.Proofs, err)
	}
	if again, err := s.Proofs().Take(t.Context(), key, start.Add(time.Minute)); err != nil || again {
		t.Fatalf("a proof was taken twice: %v", err)
	}
	f.clock.Add(time.Second)
	if swept, err := s.Sweep(t.Context()); err != nil || swept.Proofs != 1 {
		t.Errorf("swept %d proofs, want 1: %v", swept.Proofs, err)
	}
}
