package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// The bounds of an Outbox.
const (
	maxMessage = 64 << 10 // bytes
	maxWaiting = 10_000   // messages of one extension
	// remembered is how long the key of a delivered message is not queued again.
	remembered = 7 * 24 * time.Hour
)

// Outbox is the outbox of one extension. It implements extension.Outbox.
type Outbox struct {
	// Max is how many messages may wait; 10,000 unless changed before use.
	Max int

	*Store
	extension string
	about     extension.Subject
	wake      chan struct{} // buffered; shared by the outboxes of this name
}

// Outbox returns the outbox of one extension, by its name in the configuration.
func (s *Store) Outbox(name string) *Outbox {
	wake, _ := s.wakers.LoadOrStore(name, make(chan struct{}, 1))
	return &Outbox{Max: maxWaiting, Store: s, extension: name, wake: wake.(chan struct{})}
}

// About implements extension.Outbox.
func (o *Outbox) About(s extension.Subject) extension.Outbox {
	about := *o
	about.about = s
	return &about
}

// message is what is sealed.
type message struct {
	Key  string `json:"key"`
	Body []byte `json:"body"`
}

func (o *Outbox) keys(key string) alternatives { return o.Store.keys("outbox", o.extension, key) }

// turn is the lock under which messages of the extension are queued and taken.
func (o *Outbox) turn() []byte { return []byte("outbox/" + o.extension) }

// Put implements extension.Outbox.
func (o *Outbox) Put(ctx context.Context, key string, body []byte, keep time.Duration) error {
	switch {
	case key == "" || keep <= 0:
		return fmt.Errorf("a message of %s without a key, or kept for no time", o.extension)
	case len(body) > maxMessage:
		return fault.New(fault.TooLarge, "later", fmt.Errorf("message of %s over %d bytes", o.extension, maxMessage))
	}
	err := o.write(ctx, "queueing a message", func(ctx context.Context, tx *sql.Tx) error {
		if err := o.db.Lock(ctx, tx, o.turn()); err != nil {
			return err
		}
		known, err := o.known(ctx, tx, key)
		if err != nil || known {
			return err
		}
		if err := o.room(ctx, tx); err != nil {
			return err
		}
		return o.insert(ctx, tx, message{key, body}, keep)
	})
	if err == nil {
		o.rouse()
	}
	return err
}

// known reports whether the key is queued or was delivered not long ago. A
// row that is neither any more gives way.
func (o *Outbox) known(ctx context.Context, tx *sql.Tx, key string) (bool, error) {
	var at []byte
	var waits bool
	var due, until int64
	var expires sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT key, message IS NOT NULL, due, until, expires FROM outbox WHERE key IN "+anyOf+" LIMIT 1",
		o.keys(key).args()...).Scan(&at, &waits, &due, &until, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	now := micros(o.now())
	if err != nil || waits && (until > now || due > now) || !waits && expires.Int64 > now {
		return true, err
	}
	if waits {
		o.logger().Error("message given up, a new one takes its place", "extension", o.extension)
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM outbox WHERE key = $1", at)
	return false, err
}

func (o *Outbox) room(ctx context.Context, tx *sql.Tx) error {
	var waiting int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE extension = $1 AND message IS NOT NULL LIMIT $2) AS waiting",
		o.extension, o.Max).Scan(&waiting)
	if err == nil && waiting >= o.Max {
		return answer{fault.New(fault.Unavailable, "later", fmt.Errorf("%d messages of %s wait already", waiting, o.extension))}
	}
	return err
}

func (o *Outbox) insert(ctx context.Context, tx *sql.Tx, m message, keep time.Duration) error {
	key, now := o.keys(m.Key).primary(), o.now()
	sealed, err := o.seal("outbox.message", key, m)
	if err != nil {
		return err
	}
	person, account := o.columns(o.about, m.Key)
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (key, extension, message, person, account, made, due, attempt, until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`,
		key, o.extension, sealed, person, account, micros(now), micros(now), micros(now.Add(keep)))
	return err
}

// rouse wakes one Deliver of this process, if it sleeps; nil is no outbox.
func (o *Outbox) rouse() {
	if o == nil {
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Queue is what waits in one outbox.
type Queue struct {
	Extension string
	Waiting   int
	Oldest    time.Time // when it was put
}

// Queues returns the outboxes in which something waits, in the order of their
// names.
func (s *Store) Queues(ctx context.Context) (out []Queue, err error) {
	err = s.read(ctx, "counting messages", func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT extension, count(*), min(made) FROM outbox
			WHERE message IS NOT NULL GROUP BY extension ORDER BY extension`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var o Queue
			var made int64
			if err := rows.Scan(&o.Extension, &o.Waiting, &made); err != nil {
				return err
			}
			o.Oldest = time.UnixMicro(made)
			out = append(out, o)
		}
		return rows.Err()
	})
	return out, err
}

// errUnreadable says that a message's seal key was retired.
var errUnreadable = errors.New("the message does not open: its key was retired")
