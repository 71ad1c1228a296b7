package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// mainStream is the one chain that all replicas continue.
const mainStream = "main"

// maxQueue bounds the entries that wait for being written.
const maxQueue = 4096

// Audit is the log in the database. It implements audit.Log.
//
// Entries that arrive while a batch is being written form the next batch, so
// that under load many share one commit; an entry alone waits for nobody.
type Audit struct {
	store  *Store
	stream string
	turn   chan struct{} // holds one token: whose turn it is to write

	mu    sync.Mutex
	queue []*waiting
}

type waiting struct {
	entry audit.Entry
	done  chan error // buffered
}

// Audit returns the audit log.
func (s *Store) Audit() *Audit { return s.audit }

// Append makes the entry durable before it returns nil.
func (a *Audit) Append(ctx context.Context, e audit.Entry) error {
	if err := e.Validate(); err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = a.store.now()
	}
	w := &waiting{entry: e, done: make(chan error, 1)}
	if !a.push(w) {
		return fault.New(fault.Unavailable, "later", errors.New("too many audit entries wait for being written"))
	}
	for {
		select {
		case err := <-w.done:
			return err
		case a.turn <- struct{}{}:
			a.writeNext(ctx)
			<-a.turn
		case <-ctx.Done():
			if a.withdraw(w) {
				return ctx.Err()
			}
			return <-w.done
		}
	}
}

func (a *Audit) push(w *waiting) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) >= maxQueue {
		return false
	}
	a.queue = append(a.queue, w)
	return true
}

// withdraw takes back an entry that nobody writes yet.
func (a *Audit) withdraw(w *waiting) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.Index(a.queue, w)
	if at < 0 {
		return false
	}
	a.queue = slices.Delete(a.queue, at, at+1)
	return true
}

// writeNext writes what waits, up to a batch, for everybody who waits for it:
// the caller's own context ending is not the others' business.
func (a *Audit) writeNext(ctx context.Context) {
	a.mu.Lock()
	n := min(len(a.queue), audit.MaxBatch)
	batch := slices.Clone(a.queue[:n])
	a.queue = slices.Delete(a.queue, 0, n)
	a.mu.Unlock()
	if n == 0 {
		return
	}
	err := a.write(context.WithoutCancel(ctx), batch)
	for _, w := range batch {
		w.done <- err
	}
}

func (a *Audit) write(ctx context.Context, batch []*waiting) error {
	return a.store.write(ctx, "writing the audit", func(ctx context.Context, tx *sql.Tx) error {
		if err := a.lock(ctx, tx); err != nil {
			return err
		}
		e, known, err := a.ends(ctx, tx)
		if err != nil {
			return err
		}
		b := audit.Batch{Stream: a.stream, Seq: e.head.Seq + 1, Prev: e.head.Last}
		if !known {
			b.Lines = append(b.Lines, a.unknownHead())
		}
		keys, err := a.personKeys(ctx, tx, batch)
		if err != nil {
			return err
		}
		for _, w := range batch {
			l, err := audit.Seal(w.entry, keys[w.entry.Person])
			if err != nil {
				return err
			}
			b.Lines = append(b.Lines, l)
		}
		e.head.Seq, e.head.Last = b.Seq, b.Hash()
		if err := insertBatch(ctx, tx, b, e.head.Last); err != nil {
			return err
		}
		return a.save(ctx, tx, e)
	})
}

// unknownHead is written when the head is not the one that was written last:
// somebody changed it, or the index key that vouched for it was retired.
// Refusing to write would let either stop every login.
func (a *Audit) unknownHead() audit.Line {
	return audit.Line{
		Time: a.store.now().UTC().Truncate(time.Microsecond), Phase: audit.Fact,
		Action: "audit.head", Result: "unknown",
	}
}

func (a *Audit) lock(ctx context.Context, tx *sql.Tx) error {
	return a.store.db.Lock(ctx, tx, []byte("audit/"+a.stream))
}

// ends are where the chain begins and ends: the last batch that was removed
// (its Seq is 0 when none was) and the last one written.
type ends struct{ removed, head audit.Verifier }

// ends also reports whether the MAC beside them vouches for them.
func (a *Audit) ends(ctx context.Context, q querier) (e ends, known bool, err error) {
	e.removed.Stream, e.head.Stream = a.stream, a.stream
	var link, removed, mac []byte
	err = q.QueryRowContext(ctx, "SELECT seq, link, removed, removed_link, mac FROM audit_heads WHERE stream = $1", a.stream).
		Scan(&e.head.Seq, &link, &e.removed.Seq, &removed, &mac)
	if errors.Is(err, sql.ErrNoRows) {
		var batches int64
		err = q.QueryRowContext(ctx, "SELECT count(*) FROM audit_batches WHERE stream = $1", a.stream).Scan(&batches)
		return e, batches == 0, err
	}
	if err != nil {
		return e, false, err
	}
	copy(e.head.Last[:], link)
	copy(e.removed.Last[:], removed)
	return e, slices.ContainsFunc(a.store.ring.MACs(keyring.Index, headDomain, e.parts()...),
		func(m []byte) bool { return hmac.Equal(m, mac) }), nil
}

const headDomain = "audit.head"

// parts are what the MAC covers.
func (e ends) parts() [][]byte {
	out := [][]byte{[]byte(e.head.Stream), number(e.head.Seq), e.head.Last[:]}
	if e.removed.Seq > 0 {
		out = append(out, number(e.removed.Seq), e.removed.Last[:])
	}
	return out
}

func number(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n)) //nolint:gosec // never negative
}

// save stores the ends with their MAC.
func (a *Audit) save(ctx context.Context, tx *sql.Tx, e ends) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit_heads (stream, seq, link, removed, removed_link, mac)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, link = excluded.link,
		removed = excluded.removed, removed_link = excluded.removed_link, mac = excluded.mac`,
		a.stream, e.head.Seq, e.head.Last[:], e.removed.Seq, e.removed.Last[:],
		a.store.ring.MAC(keyring.Index, headDomain, e.parts()...))
	return err
}

func (a *Audit) people(person account.ID) alternatives {
	return a.store.keys("audit.people", string(person))
}

func (a *Audit) openKey(id, sealed []byte) (audit.PersonKey, bool) {
	var k audit.PersonKey
	key, err := a.store.ring.Open(keyring.Seal, sealed, place("audit_people.key", id))
	if err != nil || len(id) != len(k.ID) || len(key) != len(k.Key) {
		return audit.PersonKey{}, false
	}
	copy(k.ID[:], id)
	copy(k.Key[:], key)
	return k, true
}

func (a *Audit) destroy(ctx context.Context, tx *sql.Tx, person alternatives) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM audit_people WHERE person IN "+anyOf, person.args()...)
	return err
}

// knows reports whether the person has a key.
func (a *Audit) knows(ctx context.Context, person account.ID) (known bool, err error) {
	err = a.store.read(ctx, "looking for a person's key", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT count(*) > 0 FROM audit_people WHERE person IN "+anyOf, a.people(person).args()...).Scan(&known)
	})
	return known, err
}

// Forget destroys the person's key: who they were and the detail of all their
// entries cannot be read any more, by anybody. The chain stays whole. A
// backup made before still has the key, sealed.
func (a *Audit) Forget(ctx context.Context, person account.ID) error {
	if person == "" {
		return errors.New("forgetting nobody")
	}
	err := a.store.write(ctx, "forgetting a person", func(ctx context.Context, tx *sql.Tx) error {
		if err := a.lock(ctx, tx); err != nil {
			return err
		}
		return a.destroy(ctx, tx, a.people(person))
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	return explain("erasing a person's key", a.store.db.Erase(ctx))
}
