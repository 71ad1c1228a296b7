package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
)

// HeldPhone is a registered phone.
type HeldPhone struct {
	Name     string     `json:"name"`
	Platform string     `json:"platform"`
	State    string     `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Created  time.Time  `json:"registered"`
	Used     time.Time  `json:"used"`
	Push     string     `json:"push_service,omitempty"`
	Expires  *time.Time `json:"kept_until"` // null: until it is blocked
}

func (c collector) phones(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT id, expires, record, restored FROM devices"+ofPerson+" AND "+deviceLives+" ORDER BY made, id LIMIT $10",
		whose.args(micros(c.now()), maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			var id device.ID
			var record []byte
			var restored int
			var expires sql.NullInt64
			if err := rows.Scan(&id, &expires, &record, &restored); err != nil {
				return nil, nil, err
			}
			d, ok := devices{c.Store}.reveal(id, record, restored)
			if !ok {
				return []byte(id), func() {}, nil
			}
			p := HeldPhone{
				Name: d.Name, Platform: d.Platform, State: d.State.String(), Reason: d.Reason,
				Created: d.Created.UTC(), Used: d.LastUsed.UTC(), Push: d.Push.Channel,
			}
			if expires.Valid {
				until := fromMicros(expires.Int64)
				p.Expires = &until
			}
			return []byte(id), func() { c.held.Phones = append(c.held.Phones, p) }, nil
		})
}

func (c collector) permits(ctx context.Context, q querier, whose alternatives) error {
	return c.list(ctx, q, "SELECT proof FROM permits"+ofPerson+" AND expires > $9 LIMIT $10", whose.args(micros(c.now()), maxShown),
		func(rows *sql.Rows) (key []byte, add func(), err error) {
			err = rows.Scan(&key)
			return key, func() { c.held.Permits++ }, err
		})
}
