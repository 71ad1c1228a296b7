package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

// devices implements device.Store.
type devices struct{ *Store }

// Devices returns the port of package device for phones.
func (s *Store) Devices() device.Store { return devices{s} }

// live is the condition under which a phone is there; its parameter is the
// time.
const deviceLives = "(expires IS NULL OR expires > $9)"

func (s devices) Get(ctx context.Context, id device.ID) (d device.Device, err error) {
	err = s.read(ctx, "reading a phone", func(ctx context.Context, q querier) error {
		d, err = s.load(ctx, q, id)
		return err
	})
	return d, err
}

// load returns a phone, or answers ErrNoDevice.
func (s devices) load(ctx context.Context, q querier, id device.ID) (device.Device, error) {
	var record []byte
	var restored int
	err := q.QueryRowContext(ctx, "SELECT record, restored FROM devices WHERE id = $1 AND (expires IS NULL OR expires > $2)",
		string(id), micros(s.now())).Scan(&record, &restored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return device.Device{}, err
	}
	if err == nil {
		if d, ok := s.reveal(id, record, restored); ok {
			return d, nil
		}
	}
	return device.Device{}, answer{device.ErrNoDevice}
}

// reveal opens a row. A phone that a backup has brought back is locked.
func (s devices) reveal(id device.ID, record []byte, restored int) (d device.Device, ok bool) {
	if !s.open("devices.record", []byte(id), record, &d) {
		return device.Device{}, false
	}
	if restored != 0 && d.State != device.Blocked {
		d.State, d.Reason = device.Locked, device.ReasonRestored
	}
	return d, true
}

func (s devices) ByKey(ctx context.Context, thumbprint string) (d device.Device, err error) {
	err = s.read(ctx, "reading a phone by its key", func(ctx context.Context, q querier) error {
		found, err := s.list(ctx, q, "key IN "+anyOf, s.keys("devices.key", thumbprint))
		switch {
		case err != nil:
			return err
		case len(found) != 1 || found[0].Key.Thumbprint() != thumbprint:
			return answer{device.ErrNoDevice}
		}
		d = found[0]
		return nil
	})
	return d, err
}

func (s devices) Of(ctx context.Context, id account.ID) (found []device.Device, err error) {
	err = s.read(ctx, "reading the phones of an account", func(ctx context.Context, q querier) error {
		found, err = s.of(ctx, q, id)
		return err
	})
	return found, err
}

func (s devices) of(ctx context.Context, q querier, id account.ID) ([]device.Device, error) {
	return s.list(ctx, q, "account IN "+anyOf, s.whose(string(id)))
}

// list returns the phones that fit, newest first. One that does not open any
// more is left out.
func (s devices) list(ctx context.Context, q querier, condition string, of alternatives) ([]device.Device, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, record, restored FROM devices WHERE "+condition+" AND "+deviceLives+
		" ORDER BY made DESC, id LIMIT $10", of.args(micros(s.now()), device.MaxKept)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []device.Device
	for rows.Next() {
		var id device.ID
		var record []byte
		var restored int
		if err := rows.Scan(&id, &record, &restored); err != nil {
			return nil, err
		}
		if d, ok := s.reveal(id, record, restored); ok {
			out = append(out, d)
		}
	}
	return out, rows.Err()
}

func (s devices) Update(ctx context.Context, id device.ID, fn func(*device.Device) error) (d device.Device, err error) {
	told := false
	err = s.write(ctx, "changing a phone", func(ctx context.Context, tx *sql.Tx) error {
		d, err = s.locked(ctx, tx, id)
		if err != nil {
			return err
		}
		before := d
		if err := fn(&d); err != nil {
			return answer{err}
		}
		told, err = s.save(ctx, tx, before, d)
		return err
	})
	if err != nil {
		return device.Device{}, err
	}
	s.rouseNews(told)
	return d, nil
}

// rouseNews has what was queued delivered soon, in this process.
func (s devices) rouseNews(told bool) {
	if told {
		s.Outbox(PhoneTasks).rouse()
	}
}

// ended uses up what rests on the word of a phone, if this one is no longer
// good.
func (s devices) ended(ctx context.Context, tx *sql.Tx, before, after device.Device) error {
	if before.State != device.Active || after.State == device.Active {
		return nil
	}
	return permits(s).unvouch(ctx, tx, after.Account)
}

// locked returns a phone after it has taken the lock of its account.
func (s devices) locked(ctx context.Context, tx *sql.Tx, id device.ID) (device.Device, error) {
	d, err := s.load(ctx, tx, id)
	if err != nil {
		return d, err
	}
	if err := s.lockAccount(ctx, tx, d.Account); err != nil {
		return d, err
	}
	return s.load(ctx, tx, id)
}

// save stores what a phone became, with all that comes of it, and reports
// whether its owner is told anything; before is the zero Device for a new one.
// The account is locked.
func (s devices) save(ctx context.Context, tx *sql.Tx, before, after device.Device) (told bool, err error) {
	if before == after {
		return false, nil
	}
	if err := device.CheckChange(before, after); err != nil {
		return false, answer{err}
	}
	if before.Key != after.Key {
		if err := s.keyIsFree(ctx, tx, after.Key); err != nil {
			return false, err
		}
	}
	if err := errors.Join(s.put(ctx, tx, after), s.ended(ctx, tx, before, after)); err != nil {
		return false, err
	}
	// What counts moves the mark by which an older copy of the file is known.
	if told, err = s.tell(ctx, tx, before, after); told && err == nil {
		_, _, err = s.db.Moment(ctx, tx)
	}
	return told, err
}

// keyIsFree answers ErrKeyUsed when any phone has this key. Two that take the
// same key at once wait for one another.
func (s devices) keyIsFree(ctx context.Context, tx *sql.Tx, k device.Key) error {
	thumbprint := k.Thumbprint()
	if err := s.db.Lock(ctx, tx, []byte("device key/"+thumbprint)); err != nil {
		return err
	}
	var used bool
	err := tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM devices WHERE key IN "+anyOf, s.keys("devices.key", thumbprint).args()...).Scan(&used)
	if err == nil && used {
		return answer{device.ErrKeyUsed}
	}
	return err
}

// put writes a phone's row under the present keys. One that is active again is
// no longer what a backup has brought back.
func (s devices) put(ctx context.Context, tx *sql.Tx, d device.Device) error {
	record, err := s.seal("devices.record", []byte(d.ID), d)
	if err != nil {
		return err
	}
	var expires any
	if d.State == device.Blocked {
		expires = micros(d.Ended.Add(device.KeepsBlocked))
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO devices (id, person, account, key, state, made, expires, keyed, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET person = excluded.person, account = excluded.account, key = excluded.key,
			state = excluded.state, expires = excluded.expires, keyed = excluded.keyed, record = excluded.record,
			restored = CASE WHEN excluded.state = 1 THEN 0 ELSE devices.restored END`,
		string(d.ID), s.whose(string(d.Number)).primary(), s.whose(string(d.Account)).primary(),
		s.keys("devices.key", d.Key.Thumbprint()).primary(), int(d.State), micros(d.Created), expires, s.keyed(), record)
	return err
}

// keyed names the versions of the keys under which rows are written now.
func (s *Store) keyed() string {
	name := ""
	for _, p := range []keyring.Purpose{keyring.Index, keyring.Seal} {
		for _, k := range s.ring.List(p) {
			if k.Primary {
				name += string(k.ID) + "/"
			}
		}
	}
	return name
}
