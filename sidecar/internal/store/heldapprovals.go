package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
)

// HeldApproval is what a person was asked to confirm.
type HeldApproval struct {
	Client  string           `json:"client"`
	Action  string           `json:"action"`
	Fields  []approval.Field `json:"fields"`
	State   string           `json:"state"`
	Reason  string           `json:"reason,omitempty"`
	Created time.Time        `json:"asked"`
	Decided *time.Time       `json:"decided,omitempty"`
	Expires time.Time        `json:"kept_until"`
}

func (c collector) approvals(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT id, expires, record FROM approvals"+ofPerson+" AND expires > $9 ORDER BY made, id LIMIT $10",
		whose.args(micros(c.now()), maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			var id string
			var record []byte
			var expires int64
			if err := rows.Scan(&id, &expires, &record); err != nil {
				return nil, nil, err
			}
			var a kept
			if !c.open("approvals.record", []byte(id), record, &a) {
				return []byte(id), func() {}, nil
			}
			h := HeldApproval{
				Client: a.Client, Action: a.Action, Fields: a.Fields, State: a.StateAt(c.now()).String(), Reason: a.Reason,
				Created: a.Created.UTC(), Expires: fromMicros(expires),
			}
			if !a.Decided.IsZero() {
				at := a.Decided.UTC()
				h.Decided = &at
			}
			return []byte(id), func() { c.held.Approvals = append(c.held.Approvals, h) }, nil
		})
}
