package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// A batch is written while all replicas wait for the chain, so what it takes of
// each line is a row in a statement and no statement of its own.

// portions cuts a list into pieces of few lengths, so that there are few
// statements to prepare.
func portions[T any](all []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for _, size := range [...]int{64, 16, 4, 1} {
			for len(all) >= size {
				if !yield(all[:size]) {
					return
				}
				all = all[size:]
			}
		}
	}
}

// rowsOf is the places of so many rows in a VALUES clause.
func rowsOf(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String() + ")"
}

func insertBatch(ctx context.Context, tx *sql.Tx, b audit.Batch, link audit.Hash) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO audit_batches (stream, seq, prev, link) VALUES ($1, $2, $3, $4)",
		b.Stream, b.Seq, b.Prev[:], link[:]); err != nil {
		return err
	}
	const insertLines = "INSERT INTO audit_lines (stream, seq, pos, at, phase, action, step, client, result, ref, person, sealed) VALUES "
	const columns = 12
	pos := 0
	for lines := range portions(b.Lines) {
		args := make([]any, 0, columns*len(lines))
		for _, l := range lines {
			var person, sealed any
			if l.Key != (audit.KeyID{}) {
				person, sealed = l.Key[:], l.Sealed
			}
			args = append(args, b.Stream, b.Seq, pos, micros(l.Time), int(l.Phase), l.Action, l.Step, l.Client, l.Result, l.Ref, person, sealed)
			pos++
		}
		statement := insertLines + rowsOf(len(lines), columns) //nolint:gosec // places alone, no values
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("lines up to %d: %w", pos, err)
		}
	}
	return nil
}

// personKeys returns the keys of everybody in a batch, made where there are
// none.
func (a *Audit) personKeys(ctx context.Context, tx *sql.Tx, batch []*waiting) (map[account.ID]audit.PersonKey, error) {
	var people []account.ID
	for _, w := range batch {
		if p := w.entry.Person; p != "" && !slices.Contains(people, p) {
			people = append(people, p)
		}
	}
	keys := map[account.ID]audit.PersonKey{}
	var unknown []account.ID
	for some := range portions(people) {
		if err := a.findKeys(ctx, tx, some, keys); err != nil {
			return nil, err
		}
	}
	for _, p := range people {
		if _, known := keys[p]; !known {
			unknown = append(unknown, p)
		}
	}
	for some := range portions(unknown) {
		if err := a.makeKeys(ctx, tx, some, keys); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// findKeys adds the keys of people who have one that opens.
func (a *Audit) findKeys(ctx context.Context, tx *sql.Tx, people []account.ID, keys map[account.ID]audit.PersonKey) error {
	at := make([]alternatives, len(people))
	var args []any
	for i, p := range people {
		at[i] = a.people(p)
		args = at[i].appended(args)
	}
	query := "SELECT person, id, key FROM audit_people WHERE person IN " + rowsOf(1, len(args)) //nolint:gosec // places alone, no values
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var person, id, sealed []byte
		if err := rows.Scan(&person, &id, &sealed); err != nil {
			return err
		}
		i := slices.IndexFunc(at, func(k alternatives) bool { return k.has(person) })
		if k, ok := a.openKey(id, sealed); ok && i >= 0 {
			keys[people[i]] = k
		}
	}
	return rows.Err()
}

// makeKeys gives people their keys. One that does not open any more gives way.
func (a *Audit) makeKeys(ctx context.Context, tx *sql.Tx, people []account.ID, keys map[account.ID]audit.PersonKey) error {
	var old, args []any
	for _, p := range people {
		at, k := a.people(p), audit.NewPersonKey()
		keys[p] = k
		old = at.appended(old)
		args = append(args, at.primary(), k.ID[:], a.store.ring.Seal(keyring.Seal, k.Key[:], place("audit_people.key", k.ID[:])))
	}
	remove := "DELETE FROM audit_people WHERE person IN " + rowsOf(1, len(old)) //nolint:gosec // places alone, no values
	if _, err := tx.ExecContext(ctx, remove, old...); err != nil {
		return err
	}
	insert := "INSERT INTO audit_people (person, id, key) VALUES " + rowsOf(len(people), 3) //nolint:gosec // places alone, no values
	_, err := tx.ExecContext(ctx, insert, args...)
	return err
}
