package store_test

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

func TestOpenToReadLooksWhileOthersServe(t *testing.T) {
	for name, b := range map[string]storetest.Backend{"SQLite": storetest.SQLite(), "PostgreSQL": postgres} {
		t.Run(name, func(t *testing.T) {
			ring, dsn, ctx := keyring.Generate(time.Now()), b.Empty(t), t.Context()
			if _, err := store.OpenToRead(ctx, dsn, ring, time.Now); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("an empty database: %v, want fs.ErrNotExist", err)
			}
			serving, err := store.Open(ctx, dsn, ring, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer serving.Close()
			entry := audit.Entry{Phase: audit.Fact, Action: "seen", Result: "ok"}
			if err := serving.Audit().Append(ctx, entry); err != nil {
				t.Fatal(err)
			}
			looking, err := store.OpenToRead(ctx, dsn, ring, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer looking.Close()
			lines, err := looking.Audit().Tail(ctx, 10)
			if err != nil || len(lines) != 1 || lines[0].Entry.Action != "seen" {
				t.Errorf("tail: %+v, %v", lines, err)
			}
			if _, err := looking.Audit().Verify(ctx); err != nil {
				t.Errorf("verify: %v", err)
			}
			if err := looking.Audit().Append(ctx, entry); err == nil {
				t.Error("who only looks can write")
			}
			if err := looking.Ready(ctx); err == nil {
				t.Error("who only looks is ready to serve")
			}
			if err := serving.Audit().Append(ctx, entry); err != nil {
				t.Errorf("the one who serves cannot write any more: %v", err)
			}
		})
	}
}
