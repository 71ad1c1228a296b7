package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
)

// maxTail bounds what Tail returns.
const maxTail = 1000

// AuditLine is an entry as it is read again.
type AuditLine struct {
	Batch int64
	Entry audit.Entry
	// Erased says that it concerned a person who was forgotten: Person and
	// Detail are empty for that reason.
	Erased bool
}

const selectLines = `SELECT l.seq, l.at, l.phase, l.action, l.step, l.client, l.result, l.ref, l.person, l.sealed, p.key
	FROM audit_lines l LEFT JOIN audit_people p ON p.id = l.person `

// Tail returns the last n entries (at most 1000), oldest first. It opens what
// is personal in them: whoever shows it must be allowed to.
func (a *Audit) Tail(ctx context.Context, n int) (out []AuditLine, err error) {
	err = a.store.read(ctx, "reading the audit", func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, selectLines+"WHERE l.stream = $1 ORDER BY l.seq DESC, l.pos DESC LIMIT $2",
			a.stream, min(n, maxTail))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			seq, l, key, err := scanLine(rows)
			if err != nil {
				return err
			}
			out = append(out, a.readable(seq, l, key))
		}
		return rows.Err()
	})
	slices.Reverse(out)
	return out, err
}

func scanLine(rows *sql.Rows) (seq int64, l audit.Line, key []byte, err error) {
	var at int64
	var person []byte
	err = rows.Scan(&seq, &at, &l.Phase, &l.Action, &l.Step, &l.Client, &l.Result, &l.Ref, &person, &l.Sealed, &key)
	l.Time = time.UnixMicro(at).UTC()
	copy(l.Key[:], person)
	return seq, l, key, err
}

func (a *Audit) readable(seq int64, l audit.Line, key []byte) AuditLine {
	if l.Key == (audit.KeyID{}) {
		return AuditLine{Batch: seq, Entry: l.Public()}
	}
	if k, ok := a.openKey(l.Key[:], key); ok {
		if e, err := l.Entry(k); err == nil {
			return AuditLine{Batch: seq, Entry: e}
		}
	}
	return AuditLine{Batch: seq, Entry: l.Public(), Erased: true}
}

// Verified is what Verify found: a chain of so many batches and lines that
// ends in Head. Whoever writes Head down elsewhere (a log, a ticket) can tell
// later that nothing before it was replaced, even by somebody who has
// database and keys.
type Verified struct {
	Batches, Lines int64
	Removed        int64 // batches before them that were removed by Prune
	Head           audit.Hash
}

// verifyAtOnce is how many batches one query reads.
const verifyAtOnce = 100

// Verify reads the whole chain and checks it, up to the head at the time of
// the call. It returns an error that is audit.ErrBroken when it does not hold.
// It takes as long as it takes; only each query has a deadline.
func (a *Audit) Verify(ctx context.Context) (Verified, error) {
	var e ends
	err := a.store.read(ctx, "reading the audit's head", func(ctx context.Context, q querier) error {
		found, known, err := a.ends(ctx, q)
		if err == nil && !known {
			return answer{fmt.Errorf("%w: its head is not the one written last, or the index key of that time was retired", audit.ErrBroken)}
		}
		e = found
		return err
	})
	if err != nil {
		return Verified{}, err
	}
	v := e.removed
	for v.Seq < e.head.Seq {
		if err := a.verifySome(ctx, &v, e.head.Seq); err != nil {
			return Verified{}, err
		}
	}
	if v.Last != e.head.Last {
		return Verified{}, fmt.Errorf("%w: the last batch is not the head's", audit.ErrBroken)
	}
	return Verified{Batches: v.Seq - e.removed.Seq, Lines: v.Lines, Removed: e.removed.Seq, Head: v.Last}, nil
}

func (a *Audit) verifySome(ctx context.Context, v *audit.Verifier, end int64) error {
	return a.store.read(ctx, "reading the audit", func(ctx context.Context, q querier) error {
		batches, links, err := a.batches(ctx, q, v.Seq, min(end, v.Seq+verifyAtOnce))
		if err != nil {
			return err
		}
		if len(batches) == 0 {
			return answer{fmt.Errorf("%w: batch %d is missing", audit.ErrBroken, v.Seq+1)}
		}
		for i, b := range batches {
			if err := v.Next(b, links[i]); err != nil {
				return answer{err}
			}
		}
		return nil
	})
}

// batches reads the batches after one and up to another, with their lines.
func (a *Audit) batches(ctx context.Context, q querier, after, upTo int64) ([]audit.Batch, []audit.Hash, error) {
	batches, links, err := a.links(ctx, q, after, upTo)
	if err != nil {
		return nil, nil, err
	}
	rows, err := q.QueryContext(ctx, selectLines+"WHERE l.stream = $1 AND l.seq > $2 AND l.seq <= $3 ORDER BY l.seq, l.pos",
		a.stream, after, upTo)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		seq, l, _, err := scanLine(rows)
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(batches, func(b audit.Batch) bool { return b.Seq == seq })
		if at < 0 {
			return nil, nil, answer{fmt.Errorf("%w: lines of batch %d without the batch", audit.ErrBroken, seq)}
		}
		batches[at].Lines = append(batches[at].Lines, l)
	}
	return batches, links, rows.Err()
}

func (a *Audit) links(ctx context.Context, q querier, after, upTo int64) (batches []audit.Batch, links []audit.Hash, err error) {
	rows, err := q.QueryContext(ctx, "SELECT seq, prev, link FROM audit_batches WHERE stream = $1 AND seq > $2 AND seq <= $3 ORDER BY seq",
		a.stream, after, upTo)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		b := audit.Batch{Stream: a.stream}
		var prev, link []byte
		if err := rows.Scan(&b.Seq, &prev, &link); err != nil {
			return nil, nil, err
		}
		if len(prev) != len(b.Prev) || len(link) != len(b.Prev) {
			return nil, nil, answer{errors.Join(audit.ErrBroken, fmt.Errorf("batch %d has no link", b.Seq))}
		}
		copy(b.Prev[:], prev)
		batches, links = append(batches, b), append(links, audit.Hash(link))
	}
	return batches, links, rows.Err()
}
