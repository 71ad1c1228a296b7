package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Held returns what is stored about a person.
func (s *Store) Held(ctx context.Context, p Person) (h Held, err error) {
	for _, t := range p.sealedTables(&h) {
		if err := s.walk(ctx, t, func(any) error { return nil }); err != nil {
			return h, err
		}
	}
	c := collector{Store: s, held: &h, seen: map[string]bool{}}
	for _, id := range p.identities() {
		for _, list := range []func(context.Context, querier, alternatives) error{c.records, c.counters, c.messages, c.phones, c.permits, c.approvals} {
			err := s.read(ctx, "reading what is held about a person", func(ctx context.Context, q querier) error {
				return list(ctx, q, s.whose(id))
			})
			if err != nil {
				return h, err
			}
		}
	}
	for _, id := range p.Accounts {
		if err := s.audit.of(ctx, id, &h); err != nil {
			return h, err
		}
	}
	h.Requests, err = s.erasuresOf(ctx, p.Number)
	return h, err
}

// ofPerson is the condition by which a person's rows are found.
const ofPerson = " WHERE (person IN " + anyOf + " OR account IN " + anyOf + ")"

// collector lists rows that may be found by the number and by an account.
type collector struct {
	*Store
	held *Held
	seen map[string]bool
}

// list calls scan for each row; it returns the row's key and what adds the row.
func (c collector) list(ctx context.Context, q querier, query string, args []any, scan func(*sql.Rows) (key []byte, add func(), err error)) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		key, add, err := scan(rows)
		if err != nil {
			return err
		}
		if !c.seen[string(key)] {
			c.seen[string(key)] = true
			add()
		}
	}
	return rows.Err()
}

func (c collector) records(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT key, extension, made, expires, evidence FROM records"+ofPerson+
		" AND expires > $9 ORDER BY extension, made LIMIT $10", whose.args(micros(c.now()), maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			var r HeldRecord
			var made, expires int64
			var evidence int
			err = rows.Scan(&key, &r.Extension, &made, &expires, &evidence)
			r.Made, r.Expires, r.Evidence = fromMicros(made), fromMicros(expires), evidence != 0
			return key, func() { c.held.Records = append(c.held.Records, r) }, err
		})
}

func (c collector) counters(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT key, extension, name, tries, last, expires FROM counters"+ofPerson+
		" AND (expires IS NULL OR expires > $9) ORDER BY extension, name LIMIT $10", whose.args(micros(c.now()), maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			var n HeldCounter
			var last int64
			var expires sql.NullInt64
			err = rows.Scan(&key, &n.Extension, &n.Name, &n.Tries, &last, &expires)
			n.Last = fromMicros(last)
			if expires.Valid {
				until := fromMicros(expires.Int64)
				n.Expires = &until
			}
			return key, func() { c.held.Counters = append(c.held.Counters, n) }, err
		})
}

func (c collector) messages(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT key, extension, made, message IS NULL, COALESCE(expires, until) FROM outbox"+ofPerson+
		" ORDER BY extension, made LIMIT $9", whose.args(maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			var m HeldMessage
			var made, expires int64
			err = rows.Scan(&key, &m.Extension, &made, &m.Delivered, &expires)
			m.Made, m.Expires = fromMicros(made), fromMicros(expires)
			return key, func() { c.held.Messages = append(c.held.Messages, m) }, err
		})
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// HeldEntry is an entry of the audit about the person.
type HeldEntry struct {
	Time   time.Time         `json:"time"`
	Action string            `json:"action"`
	Step   string            `json:"step,omitempty"`
	Client string            `json:"client,omitempty"`
	Result string            `json:"result,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// of adds the entries about an account.
func (a *Audit) of(ctx context.Context, id account.ID, h *Held) error {
	return a.store.read(ctx, "reading the audit of a person", func(ctx context.Context, q querier) error {
		of := "WHERE l.stream = $9 AND p.person IN " + anyOf
		var n int
		err := q.QueryRowContext(ctx, "SELECT count(*) FROM audit_lines l JOIN audit_people p ON p.id = l.person "+of,
			a.people(id).args(a.stream)...).Scan(&n)
		if err != nil {
			return err
		}
		h.Entries += n
		rows, err := q.QueryContext(ctx, selectLines+of+" ORDER BY l.seq DESC, l.pos DESC LIMIT $10", a.people(id).args(a.stream, maxShown)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			seq, l, key, err := scanLine(rows)
			if err != nil {
				return err
			}
			e := a.readable(seq, l, key).Entry
			h.Audit = append(h.Audit, HeldEntry{e.Time.UTC(), e.Action, e.Step, e.Client, e.Result, e.Detail})
		}
		return rows.Err()
	})
}
