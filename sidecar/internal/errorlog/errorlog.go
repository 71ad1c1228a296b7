package errorlog

import (
	"context"
	"log"
	"log/slog"
)

// New returns a logger for http.Server and httputil.ReverseProxy: each message
// becomes "connection error" at level debug, without its own text.
func New(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(quiet{l.Handler()}, slog.LevelDebug)
}

// quiet replaces the text of messages by a fixed one.
type quiet struct{ slog.Handler }

// Handle logs that there was a message.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	return q.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "connection error", 0))
}
