package storetest

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// noneVisible searches everything that is stored, as a thief of the database
// would.
func (f *fixture) noneVisible(t *testing.T, words ...string) {
	t.Helper()
	dump := f.dump(t)
	if !bytes.Contains(dump, []byte("egk")) {
		t.Fatal("the dump shows nothing at all")
	}
	for _, w := range words {
		if bytes.Contains(dump, []byte(w)) {
			t.Errorf("%q is visible in the database", w)
		}
	}
}

func (f *fixture) dump(t *testing.T) []byte {
	t.Helper()
	if path, ok := strings.CutPrefix(f.dsn, "sqlite:"); ok {
		var all []byte
		for _, end := range []string{"", "-wal"} {
			raw, err := os.ReadFile(path + end)
			must(t, err)
			all = append(all, raw...)
		}
		return all
	}
	ctx := context.Background()
	c, err := pgx.Connect(ctx, f.dsn)
	must(t, err)
	defer c.Close(ctx)
	var all []byte
	for _, table := range []string{
		"attempts", "codes", "acting", "logins", "sessions", "records", "counters", "outbox", "erasures", "devices", "permits", "approvals",
		"audit_heads", "audit_batches", "audit_lines", "audit_people",
	} {
		raw, err := c.PgConn().CopyTo(ctx, writerTo{&all}, "COPY "+table+" TO STDOUT (FORMAT binary)")
		must(t, err)
		if raw.RowsAffected() == 0 && table != "codes" && table != "acting" && table != "erasures" &&
			table != "devices" && table != "permits" && table != "approvals" {
			t.Errorf("%s is empty", table)
		}
	}
	return all
}

type writerTo struct{ to *[]byte }

func (w writerTo) Write(p []byte) (int, error) {
	*w.to = append(*w.to, p...)
	return len(p), nil
}
