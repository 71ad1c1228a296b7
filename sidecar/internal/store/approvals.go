package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// The bounds of Approvals.
const (
	approvalsKept   = 90 * 24 * time.Hour
	announcedFor    = 7 * 24 * time.Hour
	maxApprovalSize = 256 << 10 // bytes as JSON: eight request objects fit
)

// ApprovalSettings are what the operator says about approvals that are kept.
type ApprovalSettings struct {
	// Keep is how long an approval is kept, its evidence is in the audit; zero:
	// 90 days.
	Keep time.Duration
	// Announce returns the message about an approval whose state changed, if
	// any, and the name of the outbox into which it is put in the transaction
	// that changed the state. It is tried for a week. nil: nothing is announced.
	Announce func(approval.Approval) (outbox, key string, body []byte, ok bool)
}

// Approvals implements approval.Store, approval.Repeats and approval.Changes.
type Approvals struct {
	*Store
	settings ApprovalSettings
	life     atomic.Pointer[string] // of the database, as last seen
}

// Approvals returns the port of package approval. There is one for a process.
func (s *Store) Approvals(settings ApprovalSettings) *Approvals {
	if settings.Keep <= 0 {
		settings.Keep = approvalsKept
	}
	return &Approvals{Store: s, settings: settings}
}

// kept is what is sealed.
type kept struct {
	approval.Approval
	Digest [32]byte // of the request
}

// seen is an approval as a transaction found it.
type seen struct {
	kept
	raw    []byte         // as JSON, before anything changes
	stored approval.State // which stands in the row; a restored one counts as cancelled
}

// moment is what a transaction that changes approvals knows about itself.
type moment struct {
	mark int64
	life string
}

func (s *Approvals) moment(ctx context.Context, tx *sql.Tx) (m moment, err error) {
	m.mark, m.life, err = s.db.Moment(ctx, tx)
	if err == nil {
		s.life.Store(&m.life)
	}
	return m, err
}

// present returns the life of the database as last seen. That is enough for
// reading: every change looks anew.
func (s *Approvals) present(ctx context.Context) (string, error) {
	if life := s.life.Load(); life != nil {
		return *life, nil
	}
	_, life, err := s.db.Horizon(ctx)
	if err == nil {
		s.life.Store(&life)
	}
	return life, err
}

func (s *Approvals) key(client, key string) alternatives { return s.keys("approvals.key", client, key) }

func checkApproval(a approval.Approval) error {
	if a.ID == "" || a.Client == "" || a.Account == "" || a.Number == "" || a.Action == "" || a.Created.IsZero() || a.Expires.IsZero() {
		return errors.New("approval without id, client, person, action or times")
	}
	return nil
}

// Get implements approval.Store.
func (s *Approvals) Get(ctx context.Context, id approval.ID) (a approval.Approval, err error) {
	err = s.read(ctx, "reading an approval", func(ctx context.Context, q querier) error {
		life, err := s.present(ctx)
		if err != nil {
			return err
		}
		found, err := s.load(ctx, q, id, life)
		a = found.Approval
		return err
	})
	return a, err
}

// load returns an approval, or answers ErrNoApproval.
func (s *Approvals) load(ctx context.Context, q querier, id approval.ID, life string) (seen, error) {
	var record []byte
	var era string
	err := q.QueryRowContext(ctx, "SELECT era, record FROM approvals WHERE id = $1 AND expires > $2", string(id), micros(s.now())).Scan(&era, &record)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return seen{}, err
	}
	if err == nil {
		if found, ok := s.reveal(id, record, era == life); ok {
			return found, nil
		}
	}
	return seen{}, answer{approval.ErrNoApproval}
}

// reveal opens a row. Of another life of the database, what was open is void.
func (s *Approvals) reveal(id approval.ID, record []byte, same bool) (found seen, ok bool) {
	if !s.open("approvals.record", []byte(id), record, &found.kept) || found.ID != id {
		return seen{}, false
	}
	raw, err := json.Marshal(found.kept)
	if err != nil {
		return seen{}, false
	}
	found.raw, found.stored = raw, found.State
	if !same && !found.State.Final() {
		found.State, found.Reason, found.Decided = approval.Cancelled, approval.Restored, s.now()
	}
	return found, true
}

// Update implements approval.Store.
func (s *Approvals) Update(ctx context.Context, id approval.ID, dev device.ID, fn func(*approval.Approval, *device.Device) error) (after approval.Approval, err error) {
	before, err := s.Get(ctx, id)
	if err != nil {
		return approval.Approval{}, err
	}
	var withheld error
	var told *Outbox
	err = s.write(ctx, "changing an approval", func(ctx context.Context, tx *sql.Tx) error {
		withheld = nil
		if err := s.lockAccount(ctx, tx, before.Account); err != nil {
			return err
		}
		m, err := s.moment(ctx, tx)
		if err != nil {
			return err
		}
		found, err := s.load(ctx, tx, id, m.life)
		if err != nil {
			return err
		}
		after, withheld, err = s.apply(ctx, tx, found, dev, fn)
		if err != nil {
			return err
		}
		told, err = s.save(ctx, tx, found, after, m)
		return err
	})
	if err != nil {
		return approval.Approval{}, err
	}
	told.rouse()
	return after, withheld
}

// apart returns a copy that shares nothing with a.
func apart(a approval.Approval) approval.Approval {
	a.Fields, a.Issued = slices.Clone(a.Fields), maps.Clone(a.Issued)
	return a
}

// apply runs fn. withheld is an error with which the change counts all the same.
func (s *Approvals) apply(ctx context.Context, tx *sql.Tx, found seen, dev device.ID, fn func(*approval.Approval, *device.Device) error) (after approval.Approval, withheld, err error) {
	after = apart(found.Approval)
	if dev == "" {
		dev = found.Device
	}
	by, err := s.phone(ctx, tx, dev)
	if err != nil {
		return after, nil, err
	}
	err = fn(&after, by)
	var keep approval.Keep
	switch {
	case errors.As(err, &keep):
		withheld = keep.Err
	case err != nil:
		return after, nil, answer{err}
	}
	if err := approval.Check(found.Approval, after); err != nil {
		return after, nil, answer{err}
	}
	return after, withheld, nil
}

// phone returns a phone as it is in the transaction, nil where there is none.
func (s *Approvals) phone(ctx context.Context, tx *sql.Tx, id device.ID) (*device.Device, error) {
	if id == "" {
		return nil, nil
	}
	d, err := devices{s.Store}.load(ctx, tx, id)
	if errors.Is(err, device.ErrNoDevice) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// save stores what changed, and the announcement of a new state, for which it
// returns the outbox to be roused afterwards.
func (s *Approvals) save(ctx context.Context, tx *sql.Tx, before seen, after approval.Approval, m moment) (told *Outbox, err error) {
	now := kept{after, before.Digest}
	raw, err := json.Marshal(now)
	if err != nil || string(raw) == string(before.raw) {
		return nil, err
	}
	if len(raw) > maxApprovalSize {
		return nil, answer{fault.New(fault.TooLarge, "later", errors.New("approval over 256 KiB"))}
	}
	record, err := s.seal("approvals.record", []byte(after.ID), now)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE approvals SET state = $2, over = $3, era = $4, mark = $5, record = $6 WHERE id = $1",
		string(after.ID), int(after.State), micros(after.Expires), m.life, m.mark, record)
	if err != nil || after.State == before.stored {
		return nil, err
	}
	return s.announce(ctx, tx, after)
}

// announce queues the message about a new state. A queue that is full must not
// hold up a denial: the message is left out then, and the log says so.
func (s *Approvals) announce(ctx context.Context, tx *sql.Tx, a approval.Approval) (told *Outbox, err error) {
	if s.settings.Announce == nil {
		return nil, nil
	}
	name, key, body, ok := s.settings.Announce(a)
	if !ok {
		return nil, nil
	}
	o := s.Outbox(name)
	o.about = extension.Subject{Number: a.Number, Account: a.Account}
	known, err := o.known(ctx, tx, key)
	if err != nil || known {
		return nil, err
	}
	if err := o.room(ctx, tx); err != nil {
		var full answer
		if errors.As(err, &full) {
			s.logger().Error("an approval's end is not announced: too many messages wait", "ref", string(a.ID), "outbox", name)
			return nil, nil
		}
		return nil, err
	}
	return o, o.insert(ctx, tx, message{key, body}, announcedFor)
}
