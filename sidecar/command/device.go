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
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

func (p program) device() *cobra.Command {
	c := group("device", "Look after somebody's phones",
		`For whoever has lost a phone and cannot block it themselves. The insurance number
is read from standard input, never from the command line, which other users can
see; what was done, by whom and why is written into the audit first.`,
		p.deviceList(), p.deviceBlock(), p.deviceKeepRestored())
	c.Args = noArguments
	return c
}

// phone is what a clerk sees of one.
type phone struct {
	ID       device.ID  `json:"id"`
	Name     string     `json:"name"`
	Platform string     `json:"platform"`
	State    string     `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Created  time.Time  `json:"created_at"`
	LastUsed *time.Time `json:"last_used_at,omitempty"`
}

func (p program) deviceList() *cobra.Command {
	var q inquiry
	c := &cobra.Command{
		Use: "list", Short: "List the phones of a person", Args: noArguments,
		Long:    "Prints as JSON the phones of the person whose insurance number is read from\nstandard input, the newest first.",
		Example: "  schleuse device list --reason 'call of 1 December, 14:10'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.atPhones(cmd.Context(), &q, "device.list", func(ctx context.Context, s *store.Store, owner account.ID) error {
				list, err := s.Devices().Of(ctx, owner)
				if err != nil {
					return fmt.Errorf("reading the phones: %w", err)
				}
				out := make([]phone, 0, len(list))
				for _, d := range list {
					out = append(out, phone{d.ID, d.Name, d.Platform, d.State.String(), d.Reason, d.Created.UTC(), moment(d.LastUsed)})
				}
				return p.printJSON(out)
			})
		},
	}
	q.flags(c)
	return c
}

func (p program) deviceBlock() *cobra.Command {
	var q inquiry
	var id string
	var all bool
	c := &cobra.Command{
		Use: "block", Short: "Block a phone of a person for good", Args: noArguments,
		Long: `Blocks a phone of the person whose insurance number is read from standard input:
it confirms nothing any more, and what it has confirmed and nobody has used up
is void. A blocked phone stays so; another one is registered in its place. A
running Schleuse tells the person over every channel.`,
		Example: "  schleuse device block --reason 'call of 1 December, 14:10' --device mzxw6ytboi3dgnbvgy3tqojqge\n" +
			"  schleuse device block --reason 'call of 1 December, 14:10' --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (id == "") == !all {
				return usageError{errors.New("say which phone with --device, or all of them with --all")}
			}
			if _, err := device.ParseID(id); err != nil && !all {
				return usageError{fmt.Errorf("--device: %w", err)}
			}
			return p.atPhones(cmd.Context(), &q, "device.block_by_clerk", func(ctx context.Context, s *store.Store, owner account.ID) error {
				return p.block(ctx, s, owner, device.ID(id))
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&id, "device", "", "id of the phone, as schleuse device list shows it")
	c.Flags().BoolVar(&all, "all", false, "every phone of the person")
	return c
}

// atPhones does something with the phones of the person that is asked for,
// once that is written down.
func (p program) atPhones(ctx context.Context, q *inquiry, action string, do func(context.Context, *store.Store, account.ID) error) error {
	if err := p.begin(q); err != nil {
		return err
	}
	return p.onPeople(ctx, q.cfg, func(ctx context.Context, s *store.Store) error {
		who, err := p.whose(ctx, q)
		if errors.Is(err, errKeycloak) && q.account != "" {
			who, err = p.byPhones(ctx, s, q)
		}
		if err != nil {
			return err
		}
		if err := q.noteTo(ctx, s, who, audit.Entry{Phase: audit.Fact, Action: action, Result: "ok", Ref: newReference()}); err != nil {
			return err
		}
		if len(who.Accounts) != 1 {
			return errors.New("the person has no account, so no phones; name one that Keycloak has no more with --account")
		}
		return do(ctx, s, who.Accounts[0])
	})
}

// byPhones knows without Keycloak whose an account is: by its phones.
func (p program) byPhones(ctx context.Context, s *store.Store, q *inquiry) (store.Person, error) {
	id := account.ID(q.account)
	list, err := s.Devices().Of(ctx, id)
	if err != nil {
		return store.Person{}, fmt.Errorf("reading the phones: %w", err)
	}
	if len(list) == 0 || slices.ContainsFunc(list, func(d device.Device) bool { return d.Number != q.number }) {
		return store.Person{}, usageError{errors.New("--account: Keycloak does not answer, and no phone says that this account is the person's")}
	}
	return store.Person{Number: q.number, Accounts: []account.ID{id}}, nil
}

func (p program) deviceKeepRestored() *cobra.Command {
	var q inquiry
	c := &cobra.Command{
		Use: "keep-restored", Short: "Trust the phones of a restored database", Args: noArguments,
		Long: `After a restored backup, or where a PostgreSQL standby took over, every phone that
is not blocked is locked: what became of it since the backup is not known, and
one that was stolen and blocked may be among them. Where nothing was lost (a
planned switch-over, a file that was moved), this takes all phones as they are.`,
		Example: "  schleuse device keep-restored --reason 'switch-over of 1 December, nothing lost'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.beginAlone(&q); err != nil {
				return err
			}
			return p.onPeople(cmd.Context(), q.cfg, func(ctx context.Context, s *store.Store) error {
				if err := q.note(ctx, s, audit.Entry{Phase: audit.Fact, Action: "device.keep_restored", Result: "ok", Ref: newReference()}); err != nil {
					return err
				}
				n, err := s.KeepRestored(ctx)
				fmt.Fprintf(p.out, "Kept: %d\n", n)
				return err
			})
		},
	}
	q.flag(c)
	c.Flags().StringVar(&q.reason, "reason", "", "why nothing was lost; not who (required)")
	return c
}

// block blocks one phone, or all for an empty id.
func (p program) block(ctx context.Context, s *store.Store, owner account.ID, id device.ID) error {
	service := device.Service{
		Store: s.Devices(), Audit: s.Audit(), Now: p.now, // what people are told is queued by the store
	}
	list, err := s.Devices().Of(ctx, owner)
	if err != nil {
		return fmt.Errorf("reading the phones: %w", err)
	}
	blocked := 0
	for _, d := range list {
		if id != "" && d.ID != id || d.State == device.Blocked {
			continue
		}
		if err := service.BlockFor(ctx, owner, d.ID, device.ReasonSupport); err != nil {
			return fmt.Errorf("blocking: %w", err)
		}
		blocked++
	}
	if blocked == 0 {
		return errors.New("the person has no such phone, or it is blocked already; schleuse device list shows all")
	}
	fmt.Fprintf(p.out, "Blocked: %d\n", blocked)
	return nil
}
