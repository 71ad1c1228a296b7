package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// maxTail is how many entries are shown at most.
const maxTail = 1000

func (p program) audit() *cobra.Command {
	return group("audit", "Read the audit", "The audit is a chain: an entry that is changed or taken out breaks it.",
		p.auditTail(), p.auditVerify())
}

// auditEntry is what tail shows of an entry: nothing of the person. Clerk and
// reason stand in entries about what a clerk did.
type auditEntry struct {
	Time   time.Time `json:"time"`
	Phase  string    `json:"phase"`
	Action string    `json:"action"`
	Step   string    `json:"step,omitempty"`
	Client string    `json:"client,omitempty"`
	Result string    `json:"result,omitempty"`
	Ref    string    `json:"reference,omitempty"`
	Clerk  string    `json:"clerk,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

func (p program) auditTail() *cobra.Command {
	var cf configured
	var n int
	c := &cobra.Command{
		Use: "tail", Short: "Show the last entries, the newest first", Args: exactly(0),
		Long:    "Shows the last entries, the newest first, one JSON object a line. What is personal in them is not shown.",
		Example: "  schleuse audit tail -n 100\n  schleuse audit tail | jq -r .action",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 || n > maxTail {
				return usageError{fmt.Errorf("-n %d: want 1 to %d", n, maxTail)}
			}
			return p.withStore(cmd.Context(), &cf, func(ctx context.Context, s *store.Store) error {
				lines, err := s.Audit().Tail(ctx, n)
				if err != nil {
					return fmt.Errorf("reading the audit: %w", err)
				}
				out := json.NewEncoder(p.out)
				for _, line := range slices.Backward(lines) {
					if err := out.Encode(shown(line.Entry)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cf.flag(c)
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many")
	return c
}

func shown(e audit.Entry) auditEntry {
	out := auditEntry{
		Time: e.Time.UTC(), Phase: phase(e.Phase), Action: e.Action, Step: e.Step, Client: e.Client, Result: e.Result, Ref: e.Ref,
	}
	if strings.HasPrefix(e.Action, "person.") {
		out.Clerk, out.Reason = e.Detail["clerk"], e.Detail["reason"]
	}
	return out
}

func phase(p audit.Phase) string {
	return map[audit.Phase]string{audit.Fact: "fact", audit.Intent: "intent", audit.Outcome: "outcome"}[p]
}

func (p program) auditVerify() *cobra.Command {
	var cf configured
	c := &cobra.Command{
		Use: "verify", Short: "Check that nothing in the audit was changed", Args: exactly(0),
		Long: `Reads the whole audit and checks the chain. Write down what it prints: whoever has
an earlier head can tell later that nothing before it was replaced.`,
		Example: "  schleuse audit verify",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withStore(cmd.Context(), &cf, func(ctx context.Context, s *store.Store) error {
				v, err := s.Audit().Verify(ctx)
				if err != nil {
					return fmt.Errorf("the audit does not hold: %w", err)
				}
				fmt.Fprintf(p.out, "The audit holds: %d entries in %d batches, head %x\n", v.Lines, v.Batches, v.Head)
				return nil
			})
		},
	}
	cf.flag(c)
	return c
}

// withStore opens the database of the configuration for a command. It may be
// in use by a running Schleuse.
func (p program) withStore(ctx context.Context, cf *configured, do func(context.Context, *store.Store) error) (err error) {
	cfg, err := cf.load(p.factories)
	if err != nil {
		return err
	}
	s, err := p.openStore(ctx, cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no database yet: the first schleuse serve makes it")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(ctx, s)
}

func (p program) openStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	ring, err := keyring.Load(cfg.KeysFile)
	if err != nil {
		// Not wrapped: a missing key file is no missing database.
		return nil, fmt.Errorf("reading the key file: %v", err) //nolint:errorlint // see above
	}
	s, err := store.OpenToRead(ctx, cfg.Store, ring, p.now)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return s, nil
}
