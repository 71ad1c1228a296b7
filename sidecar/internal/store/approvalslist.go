package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/schleuse/schleuse/sidecar/approval"
)

// where is a condition in the making; its parameters are written as ?.
type where struct {
	parts []string
	args  []any
}

func (w *where) add(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	w.parts = append(w.parts, condition)
}

// among demands that the column holds one of the keys.
func (w *where) among(column string, keys alternatives) {
	w.add(column+" IN (?,?,?,?,?,?,?,?)", keys.args()...)
}

// List implements approval.Store.
func (s *Approvals) List(ctx context.Context, q approval.Query) (out []approval.Approval, err error) {
	if q.Limit < 0 || q.Limit > approval.MaxList {
		return nil, fmt.Errorf("a list has 1 to %d approvals", approval.MaxList)
	}
	limit := q.Limit
	if limit == 0 {
		limit = approval.MaxList
	}
	err = s.read(ctx, "listing approvals", func(ctx context.Context, db querier) error {
		life, err := s.present(ctx)
		if err != nil {
			return err
		}
		found, err := s.find(ctx, db, s.where(q, life), "made DESC, id DESC", limit, life)
		out = make([]approval.Approval, len(found))
		for i, f := range found {
			out[i] = f.Approval
		}
		return err
	})
	return out, err
}

func (s *Approvals) where(q approval.Query, life string) where {
	now := micros(s.now())
	w := where{}
	w.add("expires > ?", now)
	if q.Client != "" {
		w.add("client = ?", q.Client)
	}
	if q.Account != "" {
		w.among("account", s.whose(string(q.Account)))
	}
	if q.Lapsed {
		w.add("state IN (1, 2)")
		w.add("(over <= ? OR era <> ?)", now, life)
	}
	if len(q.States) > 0 {
		w.add("CASE WHEN state IN (1, 2) AND era <> ? THEN "+strconv.Itoa(int(approval.Cancelled))+
			" WHEN state IN (1, 2) AND over <= ? THEN "+strconv.Itoa(int(approval.Expired))+" ELSE state END IN ("+states(q.States)+")", life, now)
	}
	if q.Before != "" {
		w.add("(made, id) < (SELECT made, id FROM approvals WHERE id = ?)", string(q.Before))
	}
	return w
}

// states are numbers of ours, never anybody's words.
func states(of []approval.State) string {
	out := make([]string, len(of))
	for i, s := range of {
		out[i] = strconv.Itoa(int(s))
	}
	return strings.Join(out, ",")
}

// find returns the rows that fit. One that does not open any more is left out.
func (s *Approvals) find(ctx context.Context, q querier, w where, order string, limit int, life string) ([]seen, error) {
	query := "SELECT id, era, record FROM approvals WHERE " + strings.Join(w.parts, " AND ") +
		" ORDER BY " + order + " LIMIT " + strconv.Itoa(limit)
	rows, err := q.QueryContext(ctx, query, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []seen
	for rows.Next() {
		var id approval.ID
		var era string
		var record []byte
		if err := rows.Scan(&id, &era, &record); err != nil {
			return nil, err
		}
		if found, ok := s.reveal(id, record, era == life); ok {
			out = append(out, found)
		}
	}
	return out, rows.Err()
}

// Since implements approval.Changes. Marks of transactions that run at the same
// time become visible in any order, so what changed is read from where nothing
// was under way last time.
func (s *Approvals) Since(ctx context.Context, mark int64, limit int) (changes []approval.Change, next int64, err error) {
	err = s.read(ctx, "asking which approvals changed", func(ctx context.Context, q querier) error {
		var life string
		next, life, err = s.db.Horizon(ctx)
		if err != nil {
			return err
		}
		s.life.Store(&life)
		if limit <= 0 {
			return nil
		}
		w := where{}
		w.add("mark >= ?", mark)
		w.add("era = ?", life) // marks of another cluster are other numbers
		found, err := s.find(ctx, q, w, "mark", limit, life)
		for _, f := range found {
			changes = append(changes, approval.Change{ID: f.ID, Account: f.Account})
		}
		return err
	})
	return changes, next, err
}
