package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
)

func (p program) approvals() *cobra.Command {
	return group("approvals", "Look after approvals",
		"An approval is what a backend has somebody confirm on their phone. What is\npersonal in one is not shown; schleuse person show does that, and writes it down.",
		p.approvalsList(), p.approvalsShow(), p.approvalsCancel(), p.approvalsReplay())
}

// listed is what is shown of an approval: nothing of the person.
type listed struct {
	ID       approval.ID `json:"id"`
	Client   string      `json:"client"`
	Action   string      `json:"action"`
	State    string      `json:"state"`
	Reason   string      `json:"reason,omitempty"`
	Risk     string      `json:"risk"`
	Content  string      `json:"content_sha256"`
	Device   string      `json:"device,omitempty"`
	Refused  int         `json:"refused,omitempty"` // further requests while it was pending
	Created  time.Time   `json:"created_at"`
	Expires  time.Time   `json:"expires_at"`
	Decided  *time.Time  `json:"decided_at,omitempty"`
	Redeemed *time.Time  `json:"redeemed_at,omitempty"`
}

func listedOf(a approval.Approval, now time.Time) listed {
	return listed{
		ID: a.ID, Client: a.Client, Action: a.Action, State: a.StateAt(now).String(), Reason: a.Reason, Risk: a.Risk.String(),
		Content: a.Content.String(), Device: string(a.Device), Refused: a.Refused,
		Created: a.Created.UTC(), Expires: a.Expires.UTC(), Decided: moment(a.Decided), Redeemed: moment(a.RedeemedAt),
	}
}

// moment leaves out a time that has not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (p program) approvalsList() *cobra.Command {
	var cf configured
	var client, state string
	var n int
	c := &cobra.Command{
		Use: "list", Short: "List approvals, the newest first", Args: noArguments,
		Long:    "Lists approvals, the newest first, one JSON object a line. What is personal in them is not shown.",
		Example: "  schleuse approvals list --state pending\n  schleuse approvals list --client backend -n 100 | jq -r .action",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := approval.Query{Client: client, Limit: n}
			if n < 1 || n > approval.MaxList {
				return usageError{fmt.Errorf("-n %d: want 1 to %d", n, approval.MaxList)}
			}
			if state != "" {
				s, err := approval.ParseState(state)
				if err != nil {
					return usageError{fmt.Errorf("--state: %w", err)}
				}
				q.States = []approval.State{s}
			}
			return p.withStore(cmd.Context(), &cf, func(ctx context.Context, s *store.Store) error {
				list, err := s.Approvals(store.ApprovalSettings{}).List(ctx, q)
				if err != nil {
					return fmt.Errorf("listing approvals: %w", err)
				}
				out := json.NewEncoder(p.out)
				for _, a := range list {
					if err := out.Encode(listedOf(a, p.now())); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cf.flag(c)
	c.Flags().StringVar(&client, "client", "", "of this client alone")
	c.Flags().StringVar(&state, "state", "", "in this state alone: pending, approved, redeemed, denied, expired, cancelled")
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many")
	return c
}

func (p program) approvalsShow() *cobra.Command {
	var cf configured
	c := &cobra.Command{
		Use: "show ID", Short: "Show one approval", Args: exactly(1),
		Long:    "Shows an approval as JSON. What is personal in it is not shown.",
		Example: "  schleuse approvals show mzxw6ytboi2dkmrsgu3tkmbrge",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := approvalID(args[0])
			if err != nil {
				return err
			}
			return p.withStore(cmd.Context(), &cf, func(ctx context.Context, s *store.Store) error {
				a, err := s.Approvals(store.ApprovalSettings{}).Get(ctx, id)
				if err != nil {
					return noApproval(err)
				}
				out := json.NewEncoder(p.out)
				out.SetIndent("", "  ")
				return out.Encode(listedOf(a, p.now()))
			})
		},
	}
	cf.flag(c)
	return c
}

func approvalID(arg string) (approval.ID, error) {
	id, err := approval.ParseID(arg)
	if err != nil {
		return "", usageError{fmt.Errorf("%q: %w", arg, err)}
	}
	return id, nil
}

func noApproval(err error) error {
	if errors.Is(err, approval.ErrNoApproval) {
		return errors.New("there is no such approval; they are kept for 90 days")
	}
	return err
}

func (p program) approvalsCancel() *cobra.Command {
	var cf configured
	c := &cobra.Command{
		Use: "cancel ID", Short: "Cancel an approval that is not used up", Args: exactly(1),
		Long: `Cancels an approval that is pending, or approved and not redeemed: nothing can be
executed with it any more. The backend is told by its webhook, if it has one.
That is written into the audit.`,
		Example: "  schleuse approvals cancel mzxw6ytboi2dkmrsgu3tkmbrge",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := approvalID(args[0])
			if err != nil {
				return err
			}
			cfg, err := cf.load(p.factories)
			if err != nil {
				return err
			}
			return p.onPeople(cmd.Context(), cfg, func(ctx context.Context, s *store.Store) error { return p.cancel(ctx, s, cfg, id) })
		},
	}
	cf.flag(c)
	return c
}

func (p program) cancel(ctx context.Context, s *store.Store, cfg *config.Config, id approval.ID) error {
	settings := store.ApprovalSettings{}
	if endpoints := webhooks.Endpoints(cfg); len(endpoints) > 0 {
		settings = store.ApprovalSettings{Announce: webhooks.Announcer(endpoints, p.now)}
	}
	stored := s.Approvals(settings)
	service := approval.Service{Store: stored, Watch: &approval.Watch{Changes: stored}, Audit: s.Audit(), Now: p.now}
	var over *approval.Over
	a, err := service.Void(ctx, id)
	switch {
	case errors.As(err, &over):
		return fmt.Errorf("it is %s already", over.State)
	case err != nil:
		return noApproval(err)
	}
	fmt.Fprintf(p.out, "The approval is %s.\n", a.State)
	return nil
}

func (p program) approvalsReplay() *cobra.Command {
	var cf configured
	var id string
	var send bool
	c := &cobra.Command{
		Use: "replay CLIENT", Short: "List or send again what a backend's webhook did not take", Args: exactly(1),
		Long: `Lists the messages to a backend that could not be delivered for a day and were
laid aside, one JSON object a line. With --send they are queued again: a running
Schleuse delivers them.`,
		Example: "  schleuse approvals replay backend\n  schleuse approvals replay backend --send\n  schleuse approvals replay backend --send --approval mzxw6ytboi2dkmrsgu3tkmbrge",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := cf.load(p.factories)
			if err != nil {
				return err
			}
			if cfg.Approvals == nil || cfg.Approvals.Clients[args[0]].Webhook == nil {
				return usageError{fmt.Errorf("%q has no webhook in the configuration", args[0])}
			}
			return p.onPeople(cmd.Context(), cfg, func(ctx context.Context, s *store.Store) error {
				return p.replay(ctx, s, cfg, letters{args[0], id, send})
			})
		},
	}
	cf.flag(c)
	c.Flags().BoolVar(&send, "send", false, "send them again")
	c.Flags().StringVar(&id, "approval", "", "about this approval alone")
	return c
}

// letters are dead letters of a client.
type letters struct {
	client, id string
	send       bool
}

func (p program) replay(ctx context.Context, s *store.Store, cfg *config.Config, of letters) error {
	sender := webhooks.Sender{
		Endpoints: webhooks.Endpoints(cfg), Records: s.Records(webhooks.Records), Now: p.now,
		Outbox: func(name string) extension.Outbox { return s.Outbox(name) },
	}
	if of.send {
		n, err := sender.Replay(ctx, of.client, of.id)
		fmt.Fprintf(p.out, "Queued again: %d\n", n)
		return err
	}
	dead, err := sender.Dead(ctx, of.client)
	if err != nil {
		return err
	}
	out := json.NewEncoder(p.out)
	for _, letter := range dead {
		if of.id != "" && letter.ID != of.id {
			continue
		}
		if err := out.Encode(letter); err != nil {
			return err
		}
	}
	return nil
}
