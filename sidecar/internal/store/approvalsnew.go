package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/fault"
)

const maxApprovalKey = 255 // bytes of an idempotency key

// creation is the transaction in which an approval is created.
type creation struct {
	moment
	approval.Approval
	key    approval.Key
	admit  approval.Admit
	stored approval.Approval
	made   bool
	told   *Outbox
	refuse error
}

// Create implements approval.Store.
func (s *Approvals) Create(ctx context.Context, a approval.Approval, key approval.Key, admit approval.Admit) (stored approval.Approval, created bool, err error) {
	if err := checkApproval(a); err != nil {
		return approval.Approval{}, false, err
	}
	if a.State != approval.Pending || key.Value == "" || len(key.Value) > maxApprovalKey {
		return approval.Approval{}, false, errors.New("a new approval is pending and has an idempotency key of at most 255 bytes")
	}
	c := &creation{Approval: a, key: key, admit: admit}
	err = s.write(ctx, "creating an approval", func(ctx context.Context, tx *sql.Tx) error {
		c.stored, c.made, c.told, c.refuse = approval.Approval{}, false, nil, nil
		return s.create(ctx, tx, c)
	})
	if err != nil {
		return approval.Approval{}, false, err
	}
	c.told.rouse()
	if c.refuse != nil {
		return approval.Approval{}, false, c.refuse
	}
	return c.stored, c.made, nil
}

func (s *Approvals) create(ctx context.Context, tx *sql.Tx, c *creation) error {
	keys := s.key(c.Client, c.key.Value)
	if err := s.lockAccount(ctx, tx, c.Account); err != nil {
		return err
	}
	if err := s.db.Lock(ctx, tx, keys[:]...); err != nil {
		return err
	}
	m, err := s.moment(ctx, tx)
	if err != nil {
		return err
	}
	c.moment = m
	known, err := s.again(ctx, tx, c, keys)
	if err != nil || known {
		return err
	}
	if err := s.unspent(ctx, tx, c.key.Origin); err != nil {
		return err
	}
	recent, err := s.recent(ctx, tx, c.Account, c.life)
	if err != nil {
		return err
	}
	if err := s.decide(ctx, tx, c, recent); err != nil || c.refuse != nil {
		return err
	}
	if err := s.spend(ctx, tx, c.key.Origin); err != nil {
		return err
	}
	c.stored, c.made = c.Approval, true
	return s.insert(ctx, tx, c, keys)
}

// unspent answers ErrOrigin where an origin was used before, ahead of anything
// that a refusal leaves behind. The account is locked.
func (s *Approvals) unspent(ctx context.Context, tx *sql.Tx, o approval.Once) error {
	var spent bool
	err := tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM proofs WHERE key = $1", o.Name[:]).Scan(&spent)
	if err == nil && spent {
		return answer{approval.ErrOrigin}
	}
	return err
}

// spend uses an origin up. It stands among the proofs that phones gave, of which
// it is one.
func (s *Approvals) spend(ctx context.Context, tx *sql.Tx, o approval.Once) error {
	if o == (approval.Once{}) {
		return nil
	}
	fresh, err := Proofs{s.Store}.take(ctx, tx, o.Name, o.Until)
	if err == nil && !fresh {
		return answer{approval.ErrOrigin}
	}
	return err
}

// again answers with the approval that the same request made before. A row
// that does not open any more gives way.
func (s *Approvals) again(ctx context.Context, tx *sql.Tx, c *creation, keys alternatives) (known bool, err error) {
	id, err := s.ofKey(ctx, tx, keys)
	if err != nil || id == "" {
		return false, err
	}
	found, err := s.load(ctx, tx, id, c.life)
	if errors.Is(err, approval.ErrNoApproval) {
		_, err = tx.ExecContext(ctx, "DELETE FROM approvals WHERE id = $1", string(id))
		return false, err
	}
	if err != nil {
		return false, err
	}
	c.stored = found.Approval
	return true, found.same(c.Client, c.key)
}

// Again implements approval.Repeats.
func (s *Approvals) Again(ctx context.Context, client string, key approval.Key) (a approval.Approval, err error) {
	err = s.read(ctx, "looking for a repeated request", func(ctx context.Context, q querier) error {
		life, err := s.present(ctx)
		if err != nil {
			return err
		}
		id, err := s.ofKey(ctx, q, s.key(client, key.Value))
		if err != nil {
			return err
		}
		found, err := s.load(ctx, q, id, life)
		if err != nil {
			return err
		}
		a = found.Approval
		return found.same(client, key)
	})
	if err != nil {
		return approval.Approval{}, err
	}
	return a, nil
}

// ofKey returns which approval an idempotency key made, "" when none.
func (s *Approvals) ofKey(ctx context.Context, q querier, keys alternatives) (id approval.ID, err error) {
	err = q.QueryRowContext(ctx, "SELECT id FROM approvals WHERE key IN "+anyOf+" LIMIT 1", keys.args()...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// same answers ErrKeyReused unless this request made the approval.
func (k kept) same(client string, key approval.Key) error {
	if k.Digest != key.Digest || k.Client != client {
		return answer{approval.ErrKeyReused}
	}
	return nil
}

// recent returns what the person was asked within a day, newest first.
func (s *Approvals) recent(ctx context.Context, tx *sql.Tx, id account.ID, life string) ([]seen, error) {
	w := where{}
	w.among("account", s.whose(string(id)))
	w.add("made > ?", micros(s.now().Add(-approval.Recent)))
	return s.find(ctx, tx, w, "made DESC, id DESC", approval.MaxRecent, life)
}

// decide runs admit and stores the older approval that it changed.
func (s *Approvals) decide(ctx context.Context, tx *sql.Tx, c *creation, recent []seen) error {
	now := s.now()
	shown := make([]approval.Approval, len(recent))
	for i, r := range recent {
		shown[i] = apart(r.Approval)
		shown[i].State = r.StateAt(now)
	}
	changed, refuse := c.admit(shown)
	c.refuse = refuse
	if changed == nil {
		return nil
	}
	for _, r := range recent {
		if r.ID != changed.ID {
			continue
		}
		if err := approval.Check(r.Approval, *changed); err != nil {
			return answer{err}
		}
		told, err := s.save(ctx, tx, r, *changed, c.moment)
		c.told = told
		return err
	}
	return answer{errors.New("an approval was changed that is none of the person's")}
}

func (s *Approvals) insert(ctx context.Context, tx *sql.Tx, c *creation, keys alternatives) error {
	a := kept{c.Approval, c.key.Digest}
	if raw, err := json.Marshal(a); err != nil || len(raw) > maxApprovalSize {
		return answer{fault.New(fault.TooLarge, "later", fmt.Errorf("approval over %d bytes: %w", maxApprovalSize, err))}
	}
	record, err := s.seal("approvals.record", []byte(a.ID), a)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO approvals (id, key, client, person, account, state, over, era, mark, made, expires, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		string(a.ID), keys.primary(), a.Client, s.whose(string(a.Number)).primary(), s.whose(string(a.Account)).primary(),
		int(a.State), micros(a.Expires), c.life, c.mark, micros(a.Created), micros(a.Created.Add(s.keep(a.Approval))), record)
	return err
}

// keep is how long an approval stays, never less than it may be open.
func (s *Approvals) keep(a approval.Approval) time.Duration {
	return max(s.settings.Keep, a.Expires.Sub(a.Created)+approval.RedeemWithin)
}
