package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// disclosure is what show prints.
type disclosure struct {
	At       time.Time    `json:"at"`
	Accounts []account.ID `json:"accounts"`
	// Incomplete says what is missing; empty = nothing is.
	Incomplete string `json:"incomplete,omitempty"`
	store.Held
	// Elsewhere says where else something is held.
	Elsewhere []string `json:"elsewhere"`
}

// elsewhere is what this program does not hold itself.
func elsewhere() []string {
	return []string{
		"the account itself, its credentials, roles and events: Keycloak",
		"the master data: the member directory",
		"letters and mails that have left: the print service and the mail server",
		"backups of the database, until they are overwritten",
	}
}

func (p program) personShow() *cobra.Command {
	var q inquiry
	c := &cobra.Command{
		Use: "show", Short: "Print what is held about a person", Args: noArguments,
		Long: `Prints as JSON what is held about the person whose insurance number is read from
standard input: the account's id, attempts to sign in, sessions, the records of
extensions by their extension, times and counts, queued messages, registered
phones, approvals, and the audit entries about them. Secrets and the content of sealed records are not printed.

Keycloak is asked for the account. When it does not answer, what can be found by
the number alone is printed, "incomplete" says so, and the exit code is 1.

That somebody looked, who and why, is written into the audit first.`,
		Example: "  schleuse person show --reason 'request of 1 December, file 4711'\n  schleuse person show --reason 'file 4711' < number.txt > held.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.begin(&q); err != nil {
				return err
			}
			return p.onPeople(cmd.Context(), q.cfg, func(ctx context.Context, s *store.Store) error { return p.show(ctx, s, &q) })
		},
	}
	q.flags(c)
	return c
}

func (p program) show(ctx context.Context, s *store.Store, q *inquiry) error {
	who, missing := p.whose(ctx, q)
	if missing != nil && !errors.Is(missing, errKeycloak) {
		return missing
	}
	entry := audit.Entry{Phase: audit.Fact, Action: "person.show", Result: "ok", Ref: newReference()}
	if err := q.noteTo(ctx, s, who, entry); err != nil {
		return err
	}
	held, err := s.Held(ctx, who)
	if err != nil {
		return err
	}
	d := disclosure{At: p.now().UTC(), Accounts: who.Accounts, Held: held, Elsewhere: elsewhere()}
	if missing != nil {
		d.Incomplete = errKeycloak.Error() + ": what is held by the account alone is not listed"
	}
	if err := p.printJSON(d); err != nil {
		return err
	}
	if missing != nil {
		return fmt.Errorf("the list is incomplete: %w", missing)
	}
	return nil
}

func newReference() string { return strings.ToLower(rand.Text()[:16]) }
