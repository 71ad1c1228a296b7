package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// erased is what forget prints when it is done.
type erased struct {
	Request string          `json:"request"`
	Erased  store.Forgotten `json:"erased"`
	Kept    []kept          `json:"kept"`
	Next    []string        `json:"next"`
}

// kept is something that stays, and why.
type kept struct {
	What  string     `json:"what"`
	Why   string     `json:"why"`
	Until *time.Time `json:"until,omitempty"`
}

const forgetLong = `Erases what is held about the person whose insurance number is read from
standard input. It takes two clerks: the first call stores a request, for 24
hours, and prints its id; the second, with --confirm ID and the same number, is
made by another user of the operating system and erases.

Who a clerk is: the user who logged in, as Linux keeps it for each process
(/proc/self/loginuid). sudo and su do not change it, so two clerks who both
work as the same service user through sudo are two, and one who takes on a
second user through sudo or su is still one. Where the system keeps no such
user (containers, no pam_loginuid), it is the user of the process; SUDO_UID is
not believed. Root counts as one clerk, however many people use it.

Erased: attempts to sign in, sessions, login records, the records and counters
of extensions, queued messages, registered phones, approvals, and the person's
audit key, without which the audit entries no longer say whom they concern, nor
their detail.
Kept: those entries without that; evidence that the person was identified, until
its time is over; the entries about this erasure, with clerk and reason.
Not touched: the account at Keycloak. Delete it there afterwards, if it is to go.

When it is cut off, repeat the same command with --confirm: it completes what
was begun. Messages that have left cannot be called back, and backups keep what
they have until they are overwritten.`

func (p program) personForget() *cobra.Command {
	var q inquiry
	var confirm string
	c := &cobra.Command{
		Use: "forget", Short: "Erase what is held about a person", Args: noArguments, Long: forgetLong,
		Example: "  schleuse person forget --reason 'request of 1 December, file 4711'\n" +
			"  schleuse person forget --reason 'file 4711, checked' --confirm q3fm7x2c5vbn6kpa",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.begin(&q); err != nil {
				return err
			}
			return p.onPeople(cmd.Context(), q.cfg, func(ctx context.Context, s *store.Store) error {
				if cmd.Flags().Changed("confirm") {
					return p.forget(ctx, s, &q, confirm)
				}
				return p.requestForget(ctx, s, &q)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&confirm, "confirm", "", "id of the request that another clerk made")
	return c
}

// requestForget stores the first clerk's request.
func (p program) requestForget(ctx context.Context, s *store.Store, q *inquiry) error {
	who, err := p.whose(ctx, q)
	if err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	entry := audit.Entry{Phase: audit.Fact, Action: "person.forget.request", Result: "ok", Ref: newReference()}
	if err := q.noteTo(ctx, s, who, entry); err != nil {
		return err
	}
	e, err := s.RequestErasure(ctx, store.Erasure{ID: entry.Ref, Person: who, Clerk: q.clerk.uid, Reason: q.reason})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "Request %s is stored until %s. Nothing is erased yet.\n", e.ID, e.Expires.UTC().Format(time.RFC3339))
	fmt.Fprintf(p.out, "Next: another clerk, with the same number: schleuse person forget --reason … --confirm %s\n", e.ID)
	return nil
}

// forget carries a request out. Everything in it may be repeated.
func (p program) forget(ctx context.Context, s *store.Store, q *inquiry, id string) error {
	e, err := s.Erasure(ctx, id)
	if err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	switch {
	case e.Person.Number != q.number:
		return errors.New("nothing was done: the request is about another number")
	case e.Clerk == q.clerk.uid:
		return fmt.Errorf("nothing was done: %s made the request, another clerk has to confirm it (see --help)", q.clerk)
	}
	who, err := p.whose(ctx, q)
	if err != nil {
		return fmt.Errorf("nothing was done: %w", err)
	}
	// An account that was deleted at Keycloak since the request is still known from it.
	for _, known := range e.Person.Accounts {
		if !slices.Contains(who.Accounts, known) {
			who.Accounts = append(who.Accounts, known)
		}
	}
	if err := q.note(ctx, s, audit.Entry{Phase: audit.Intent, Action: "person.forget", Ref: id}); err != nil {
		return err
	}
	all, err := s.Forget(ctx, who)
	if err != nil {
		// Cut short by a signal, it is still to be known how it ended.
		failed := q.note(context.WithoutCancel(ctx), s, audit.Entry{Phase: audit.Outcome, Action: "person.forget", Result: "failed", Ref: id})
		return errors.Join(fmt.Errorf("not all is erased, repeat the command: %w", err), failed)
	}
	if err := q.note(ctx, s, audit.Entry{Phase: audit.Outcome, Action: "person.forget", Result: "ok", Ref: id}); err != nil {
		return err
	}
	left, err := s.Held(ctx, who)
	if err != nil {
		return err
	}
	if err := p.printJSON(erased{id, all, p.keeps(q, left), afterwards(q, who.Accounts)}); err != nil {
		return err
	}
	return s.EndErasure(ctx, id)
}

// keeps says what stays after all else was erased.
func (p program) keeps(q *inquiry, left store.Held) []kept {
	retention := p.now().Add(q.cfg.Audit.Retention).UTC()
	out := []kept{
		{
			"entries of the audit without person and detail: time, action, step, client, result",
			"a chain that shows what the program did, without saying to whom (accountability, Art. 5 (2) GDPR)", &retention,
		},
		{
			"the entries about this erasure: time, clerk, reason",
			"proof that it was asked for and done (Art. 5 (2), Art. 17 (3) (e) GDPR)", &retention,
		},
	}
	for _, r := range left.Records {
		out = append(out, kept{
			"evidence of an identification, of extension " + r.Extension,
			"proof how somebody was identified before they saw social data (Art. 17 (3) (b) and (e) GDPR)", &r.Expires,
		})
	}
	return out
}

// afterwards says what remains to be done elsewhere.
func afterwards(q *inquiry, accounts []account.ID) []string {
	next := []string{"backups of the database keep what they have until they are overwritten"}
	if q.cfg.Gate == nil {
		return append([]string{"the account at the sites' identity provider was not touched"}, next...)
	}
	realm := q.cfg.Gate.Keycloak.Realm
	if len(accounts) == 0 {
		return append([]string{"Keycloak has no account with this number in realm " + realm}, next...)
	}
	out := []string{}
	for _, id := range accounts {
		out = append(out, fmt.Sprintf("the account %s in realm %s of Keycloak was not touched: if it is to go, end its sessions and delete it in Keycloak's admin console (Users)", id, realm))
	}
	return append(out, next...)
}
