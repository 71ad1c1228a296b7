package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/member"
)

// WasNotMeFor is WasNotMe for whoever has shown in a browser that they are the
// account's owner. No phone may set a new login password by it: which of them
// are the owner's is what is in doubt. A new one comes by a new identification.
// The same about does it once in an hour.
func (s *Service) WasNotMeFor(ctx context.Context, owner account.ID, number member.KVNR, about string) error {
	if owner == "" || about == "" {
		return errors.New("nobody, or about nothing")
	}
	err := s.Audit.Append(ctx, audit.Entry{
		Phase: audit.Fact, Action: "account.not_me", Result: "ok", Person: owner, Detail: map[string]string{"about": about},
	})
	if err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	s.count(NotMe)
	s.log().ErrorContext(ctx, "somebody else acts in a person's name: they said so in a browser", "about", about)
	now := s.Now()
	body, err := json.Marshal(ending{Account: owner, Number: number, At: now, About: about})
	if err != nil {
		return err
	}
	key := fmt.Sprintf("not_me/%s/web/%d", about, now.Truncate(time.Minute).Unix())
	return s.Tasks.Queue(ctx, Task{Key: key, Account: owner, Number: number, Body: body, Keep: endKeep})
}

// RenameFor is Rename for whoever has shown in a browser that they are the
// account's owner.
func (s *Service) RenameFor(ctx context.Context, owner account.ID, id ID, name string) error {
	return s.Rename(ctx, Device{Account: owner}, id, name)
}
