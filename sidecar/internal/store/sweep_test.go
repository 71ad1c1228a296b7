package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

// manyProofs puts n proofs that have expired into a database.
func manyProofs(t *testing.T, dsn string, n int) {
	t.Helper()
	mustExec(t, raw(t, dsn), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO proofs (key, expires) SELECT CAST(i AS BLOB), 1 FROM n`, n)
}

func TestASweepKeepsUpWithWhatComes(t *testing.T) {
	const many = 25_000
	dsn, ring := storetest.SQLite().Empty(t), keyring.Generate(time.Now())
	s := open(t, dsn, ring)
	manyProofs(t, dsn, many)
	if swept, err := s.Sweep(t.Context()); err != nil || swept.Proofs != many {
		t.Errorf("%d swept of %d, %v", swept.Proofs, many, err)
	}
}

func TestASweepEndsInTime(t *testing.T) {
	dsn, ring := storetest.SQLite().Empty(t), keyring.Generate(time.Now())
	start, asked := time.Now(), atomic.Int64{}
	s, err := store.Open(t.Context(), dsn, ring, func() time.Time {
		return start.Add(time.Duration(asked.Add(1)) * time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	manyProofs(t, dsn, 6_000)
	first, err := s.Sweep(t.Context())
	if err != nil || first.Proofs == 0 || first.Proofs == 6_000 {
		t.Errorf("%d swept, %v", first.Proofs, err)
	}
	if next, err := s.Sweep(t.Context()); err != nil || next.Proofs == 0 {
		t.Errorf("%d swept next, %v", next.Proofs, err)
	}
}
