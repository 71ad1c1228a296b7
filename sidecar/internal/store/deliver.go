package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// How messages are delivered.
const (
	deliveryTime = 30 * time.Second
	// leaseTime is for how long a message is one replica's: a delivery, writing
	// down how it ended, and clocks that differ.
	leaseTime  = 75 * time.Second
	firstPause = 5 * time.Second
	maxPause   = time.Hour
	// outboxPoll is how often a replica looks for what others queued.
	outboxPoll = 5 * time.Second
)

// Deliver implements extension.Outbox. It returns nil when ctx ends. While the
// database does not answer it waits.
func (o *Outbox) Deliver(ctx context.Context, do func(context.Context, extension.Message) error) error {
	for ctx.Err() == nil {
		next, err := o.DeliverDue(ctx, do)
		if err != nil && ctx.Err() == nil {
			o.logger().Warn("delivering messages", "extension", o.extension, "error", err)
		}
		o.sleep(ctx, next)
	}
	return nil
}

// sleep waits for the next message, a new one, or the next look.
func (o *Outbox) sleep(ctx context.Context, next time.Time) {
	pause := jitter(outboxPoll)
	if !next.IsZero() {
		pause = min(pause, max(0, next.Sub(o.now())))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-o.wake:
	case <-timer.C:
	}
}

// DeliverDue delivers what is due, as Deliver does, and returns when the next
// message will be; zero = none waits.
func (o *Outbox) DeliverDue(ctx context.Context, do func(context.Context, extension.Message) error) (next time.Time, err error) {
	for ctx.Err() == nil {
		next, err = o.next(ctx)
		if err != nil || next.IsZero() || next.After(o.now()) {
			return next, err
		}
		l, err := o.take(ctx)
		if err != nil {
			return time.Time{}, err
		}
		if l.token == nil {
			continue // another replica was faster
		}
		if err := o.deliver(ctx, l, do); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// next is when the next message is due.
func (o *Outbox) next(ctx context.Context) (at time.Time, err error) {
	err = o.read(ctx, "looking for messages", func(ctx context.Context, q querier) error {
		var due sql.NullInt64
		err := q.QueryRowContext(ctx, "SELECT min(due) FROM outbox WHERE extension = $1 AND message IS NOT NULL", o.extension).Scan(&due)
		if due.Valid {
			at = time.UnixMicro(due.Int64)
		}
		return err
	})
	return at, err
}

// leased is a message that is this replica's until its lease ends.
type leased struct {
	key, token []byte
	message    message
	readable   bool
	attempt    int
	until      time.Time
}

// take leases the message that is due longest; the zero leased is none.
func (o *Outbox) take(ctx context.Context) (l leased, err error) {
	token := make([]byte, 16)
	rand.Read(token)
	err = o.write(ctx, "taking a message", func(ctx context.Context, tx *sql.Tx) error {
		l = leased{}
		if err := o.db.Lock(ctx, tx, o.turn()); err != nil {
			return err
		}
		var key, sealed []byte
		var until int64
		now := o.now()
		err := tx.QueryRowContext(ctx, `UPDATE outbox SET due = $1, attempt = attempt + 1, lease = $2 WHERE key = (SELECT key FROM outbox
			WHERE extension = $3 AND message IS NOT NULL AND due <= $4 ORDER BY due LIMIT 1) RETURNING key, message, attempt, until`,
			micros(now.Add(leaseTime)), token, o.extension, micros(now)).Scan(&key, &sealed, &l.attempt, &until)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		l.key, l.token, l.until = key, token, time.UnixMicro(until)
		l.readable = o.open("outbox.message", key, sealed, &l.message)
		return nil
	})
	return l, err
}

// deliver hands the message to do and writes down how it ended, also when ctx
// has ended meanwhile. Its error is the database's.
func (o *Outbox) deliver(ctx context.Context, l leased, do func(context.Context, extension.Message) error) error {
	if !l.readable {
		return o.giveUp(ctx, l, errUnreadable)
	}
	if !l.until.After(o.now()) {
		return o.giveUp(ctx, l, errors.New("its time is over"))
	}
	limited, cancel := context.WithTimeout(ctx, deliveryTime)
	err := do(limited, extension.Message{Key: l.message.Key, Body: l.message.Body, Attempt: l.attempt})
	cancel()
	switch {
	case err == nil:
		return o.end(ctx, "noting a delivery", `UPDATE outbox SET message = NULL, lease = NULL, expires = $3
			WHERE key = $1 AND lease = $2`, l, micros(o.now().Add(remembered)))
	case errors.Is(err, extension.ErrUndeliverable):
		return o.giveUp(ctx, l, err)
	}
	o.logger().Info("message not delivered, again later", "extension", o.extension, "attempt", l.attempt, "error", err)
	again := o.now().Add(pauseAfter(l.attempt))
	if again.After(l.until) {
		again = l.until
	}
	return o.end(ctx, "putting a message off", "UPDATE outbox SET lease = NULL, due = $3 WHERE key = $1 AND lease = $2", l, micros(again))
}

// giveUp drops a message; its key may be put again.
func (o *Outbox) giveUp(ctx context.Context, l leased, cause error) error {
	o.logger().Error("message given up", "extension", o.extension, "attempt", l.attempt, "error", cause)
	return o.end(ctx, "giving a message up", "DELETE FROM outbox WHERE key = $1 AND lease = $2", l)
}

// end changes the message if it is still this replica's.
func (o *Outbox) end(ctx context.Context, doing, statement string, l leased, more ...any) error {
	return o.write(context.WithoutCancel(ctx), doing, func(ctx context.Context, tx *sql.Tx) error {
		n, err := changed(tx.ExecContext(ctx, statement, append([]any{l.key, l.token}, more...)...))
		if err == nil && n == 0 {
			o.logger().Warn("a delivery outlived its lease", "extension", o.extension)
		}
		if err != nil {
			return fmt.Errorf("message of %s: %w", o.extension, err)
		}
		return nil
	})
}

// pauseAfter grows from 5 s to an hour, the pause after the given delivery.
func pauseAfter(attempt int) time.Duration {
	pause := firstPause
	for i := 1; i < attempt && pause < maxPause; i++ {
		pause *= 2
	}
	return jitter(min(pause, maxPause))
}

// jitter takes up to a fifth away, so that replicas and messages part.
func jitter(d time.Duration) time.Duration {
	return d - mathrand.N(d/5) //nolint:gosec // spreads load
}

func (s *Store) logger() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}
