package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // something did not work: Keycloak, the database, a file
	exitUsage   = 2 // the command line or the configuration is wrong: nothing was done
)

// Main runs the command line of a program with these extensions and ends the
// process: with 0 when all is well, 1 when something did not work, 2 when the
// command line or the configuration is wrong.
//
//	func main() { command.Main(kvnr.Extension(), egk.Extension()) }
func Main(factories ...extension.Factory) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, program{
		factories: factories, in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now, clerk: whoRuns,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is what every command may use.
type program struct {
	factories []extension.Factory
	in        io.Reader
	out, err  io.Writer
	now       func() time.Time
	clerk     func() (clerk, error)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (e usageError) Unwrap() error { return e.error }

func run(ctx context.Context, p program, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(p.err, "schleuse: "+err.Error())
	var usage usageError
	var problems strictyaml.Problems
	switch {
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintln(p.err, "schleuse: see schleuse --help")
		return exitUsage
	case errors.As(err, &problems):
		return exitUsage
	}
	return exitFailure
}

func (p program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "schleuse",
		Short: "A lock in front of a Keycloak realm",
		Long: `Schleuse stands in front of a Keycloak realm: a login passes the steps that
Keycloak lacks, one after the other, and nothing passes half-way.

Exit codes: 0 all is well; 1 something did not work (Keycloak, the database, a
file); 2 the command line or the configuration is wrong and nothing was done.`,
		Example: `  schleuse keys init keys.json
  schleuse check --config schleuse.yaml
  schleuse realm plan --config schleuse.yaml --admin-user admin
  schleuse serve --config schleuse.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          exactly(0),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.serve(), p.check(), p.keys(), p.realm(), p.approvals(), p.audit(), p.device(), p.person(), p.version())
	return root
}

// exactly demands n arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		if c.HasSubCommands() && len(args) > 0 {
			return usageError{fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())}
		}
		return usageError{fmt.Errorf("%s wants %d arguments, not %d: %s", c.CommandPath(), n, len(args), c.UseLine())}
	}
}

// group makes a command that only has others below it.
func group(use, short, long string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(below...)
	return c
}
