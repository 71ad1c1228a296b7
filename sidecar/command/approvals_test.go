package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// asked makes two approvals that wait, and writes their ids into the files
// first and second: asked DATABASE KEYS.
func asked() {
	if err := ask(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(ctx context.Context, database, keys string) error {
	ring, err := keyring.Load(keys)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+database, ring, time.Now)
	if err != nil {
		return err
	}
	approvals := s.Approvals(store.ApprovalSettings{})
	for i, file := range []string{"first", "second"} {
		now := time.Now().Add(time.Duration(i) * time.Second)
		a := approval.Approval{
			ID: approval.NewID(), Client: "backend", Account: "account-a", Number: "A123456780", Action: "adresse",
			Fields: []approval.Field{{Name: "neu", Value: "hidden-content"}}, Content: approval.HashOf([]byte(file)),
			MatchCode: "042", State: approval.Pending, Created: now, Expires: now.Add(5 * time.Minute),
		}
		_, _, created := approvals.Create(ctx, a, approval.Key{Value: file, Digest: [32]byte{1}}, func([]approval.Approval) (*approval.Approval, error) { return nil, nil })
		err = errors.Join(err, created, os.WriteFile(file, []byte(a.ID), 0o600))
	}
	return errors.Join(err, s.Close())
}
