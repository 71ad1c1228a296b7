package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/internal/server"
)

func (p program) serve() *cobra.Command {
	var cf configured
	var logs logging
	c := &cobra.Command{
		Use: "serve", Short: "Run the gate and the sites", Args: exactly(0),
		Long: `Runs what the configuration says until it gets SIGTERM or SIGINT; then it takes
no new requests, ends the running ones and stops. The log goes to standard error
and names no person.`,
		Example: "  schleuse serve --config schleuse.yaml\n  schleuse serve --log-format text --log-level debug",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger(p.err)
			if err != nil {
				return err
			}
			cfg, err := cf.load(p.factories)
			if err != nil {
				return err
			}
			collectRarely()
			s := &server.Server{Config: cfg, Factories: p.factories, Log: log, Now: p.now}
			return s.Run(cmd.Context())
		},
	}
	cf.flag(c)
	logs.flags(c)
	return c
}

// gcPercent lets the heap grow to five times of what lives. What lives is a few
// MiB, so at Go's default of 100 the collector would run many times a second
// under load and cost more than the requests do.
const gcPercent = 400

// collectRarely sets gcPercent, unless the operator has set GOGC.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// logging holds the flags of the log.
type logging struct{ format, level string }

func (l *logging) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.format, "log-format", "json", "json or text")
	c.Flags().StringVar(&l.level, "log-level", "info", "debug, info, warn or error")
}

func (l *logging) logger(out io.Writer) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", l.level)}
	}
	options.Level = level
	switch l.format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, &options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(out, &options)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: want json or text", l.format)}
}
