package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Forgotten is how many rows of a person were erased.
type Forgotten struct {
	Attempts  int `json:"attempts"`
	Codes     int `json:"codes"`
	Logins    int `json:"logins"`
	Sessions  int `json:"sessions"`
	Records   int `json:"records"`
	Counters  int `json:"counters"`
	Messages  int `json:"messages"`
	Phones    int `json:"phones"`
	Permits   int `json:"permits"`
	Approvals int `json:"approvals"`
	AuditKeys int `json:"audit_keys"`
}

func (f Forgotten) total() int {
	return f.Attempts + f.Codes + f.Logins + f.Sessions + f.Records + f.Counters + f.Messages +
		f.Phones + f.Permits + f.Approvals
}

// ErrComesBack says that somebody is signing in as the person whom Forget
// erases, so that there is always something new.
var ErrComesBack = errors.New("new rows appear while the person is being forgotten")

// rounds is how often Forget goes over all tables.
const rounds = 5

// Forget erases what Held finds, except evidence and what the audit says
// without the person's key, and destroys that key. It does so in many small
// transactions and may be repeated after an error: what is gone is gone. A
// login that is under way loses its attempt first and so comes to an end; what
// it may have written meanwhile is found by going over all again. ErrComesBack
// when that does not end.
func (s *Store) Forget(ctx context.Context, p Person) (all Forgotten, err error) {
	if len(p.identities()) == 0 {
		return all, errors.New("forgetting nobody")
	}
	for range rounds {
		before := all.total()
		if err := s.erase(ctx, p, &all); err != nil {
			return all, err
		}
		if all.total() == before {
			return all, s.forgetInAudit(ctx, p, &all)
		}
	}
	return all, fault.New(fault.Conflict, "later", ErrComesBack)
}

func (s *Store) erase(ctx context.Context, p Person, all *Forgotten) error {
	counts := map[string]*int{"attempts": &all.Attempts, "codes": &all.Codes, "logins": &all.Logins, "sessions": &all.Sessions}
	for _, t := range p.sealedTables(&Held{}) {
		err := s.walk(ctx, t, func(key any) error {
			return s.remove(ctx, counts[t.name], "DELETE FROM "+t.name+" WHERE "+t.key+" = $1", key)
		})
		if err != nil {
			return err
		}
	}
	for _, id := range p.identities() {
		whose := s.whose(id)
		err := errors.Join(
			s.remove(ctx, &all.Records, "DELETE FROM records"+ofPerson+" AND evidence = 0", whose.args()...),
			s.remove(ctx, &all.Counters, "DELETE FROM counters"+ofPerson, whose.args()...),
			s.remove(ctx, &all.Messages, "DELETE FROM outbox"+ofPerson, whose.args()...),
			s.remove(ctx, &all.Permits, "DELETE FROM permits"+ofPerson, whose.args()...),
			s.remove(ctx, &all.Approvals, "DELETE FROM approvals"+ofPerson, whose.args()...),
			s.remove(ctx, &all.Phones, "DELETE FROM devices"+ofPerson, whose.args()...),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) remove(ctx context.Context, count *int, statement string, args ...any) error {
	return s.write(ctx, "erasing a person's rows", func(ctx context.Context, tx *sql.Tx) error {
		n, err := changed(tx.ExecContext(ctx, statement, args...))
		*count += n
		return err
	})
}

func (s *Store) forgetInAudit(ctx context.Context, p Person, all *Forgotten) error {
	for _, id := range p.Accounts {
		known, err := s.audit.knows(ctx, id)
		if err != nil {
			return err
		}
		if err := s.audit.Forget(ctx, id); err != nil {
			return fmt.Errorf("forgetting in the audit: %w", err)
		}
		all.AuditKeys += flag(known)
	}
	return nil
}
