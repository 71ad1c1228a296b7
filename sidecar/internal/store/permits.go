package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
)

// maxPermits is how many permits of one account are remembered; more make room.
const maxPermits = 100

// permits implements device.Permits.
type permits struct{ *Store }

// Permits returns the port of package device for permits.
func (s *Store) Permits() device.Permits { return permits{s} }

func (s permits) of(sid account.SID, client string) alternatives {
	return s.keys("permits.place", string(sid), client)
}

func (s permits) Give(ctx context.Context, p device.Permit) error {
	if err := p.Validate(); err != nil {
		return err
	}
	return s.write(ctx, "giving a permit", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lockAccount(ctx, tx, p.Account); err != nil {
			return err
		}
		proof := s.keys("permits.proof", p.Proof)
		given, err := s.given(ctx, tx, proof)
		if err != nil || given {
			return err
		}
		if err := s.useUp(ctx, tx, s.of(p.Session, p.Client)); err != nil {
			return err
		}
		return s.insert(ctx, tx, proof.primary(), p)
	})
}

// given reports whether a proof has given a permit already.
func (s permits) given(ctx context.Context, tx *sql.Tx, proof alternatives) (given bool, err error) {
	// What has expired counts as absent before it is swept.
	_, err = tx.ExecContext(ctx, "DELETE FROM permits WHERE proof IN "+anyOf+" AND expires <= $9", proof.args(micros(s.now()))...)
	if err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM permits WHERE proof IN "+anyOf, proof.args()...).Scan(&given)
	return given, err
}

func (s permits) insert(ctx context.Context, tx *sql.Tx, key []byte, p device.Permit) error {
	record, err := s.seal("permits.record", key, p)
	if err != nil {
		return err
	}
	whose := s.whose(string(p.Account))
	_, err = tx.ExecContext(ctx, "DELETE FROM permits WHERE proof IN (SELECT proof FROM permits WHERE account IN "+anyOf+
		" ORDER BY expires DESC, proof LIMIT 1000 OFFSET $9)", whose.args(maxPermits-1)...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO permits (proof, place, person, account, used, until, expires, record)
		VALUES ($1, $2, $3, $4, 0, $5, $6, $7)`,
		key, s.of(p.Session, p.Client).primary(), s.whose(string(p.Number)).primary(), whose.primary(),
		micros(p.Expires), micros(p.Given.Add(device.ProofLife)), record)
	return err
}

func (s permits) useUp(ctx context.Context, tx *sql.Tx, place alternatives) error {
	_, err := tx.ExecContext(ctx, "UPDATE permits SET used = 1 WHERE place IN "+anyOf, place.args()...)
	return err
}

// unvouch uses up what rests on the word of a phone, when one of the account is
// out of use. The account is locked.
func (s permits) unvouch(ctx context.Context, tx *sql.Tx, id account.ID) error {
	given, err := s.unused(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, p := range given {
		if !p.ByPhoneAlone() {
			continue
		}
		if err := s.useUp(ctx, tx, s.of(p.Session, p.Client)); err != nil {
			return err
		}
	}
	return nil
}

// unused returns the permits of an account that could be used now.
func (s permits) unused(ctx context.Context, tx *sql.Tx, id account.ID) (out []device.Permit, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT proof, record FROM permits WHERE account IN "+anyOf+" AND used = 0 AND until > $9 LIMIT 100",
		s.whose(string(id)).args(micros(s.now()))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var at, record []byte
		if err := rows.Scan(&at, &record); err != nil {
			return nil, err
		}
		var p device.Permit
		if s.open("permits.record", at, record, &p) {
			out = append(out, p)
		}
	}
	return out, rows.Err()
}

func (s permits) Look(ctx context.Context, sid account.SID, client string) (p device.Permit, err error) {
	err = s.read(ctx, "reading a permit", func(ctx context.Context, q querier) error {
		p, err = s.find(ctx, q, sid, client)
		return err
	})
	return p, err
}

// find returns a permit that may be used, or answers ErrNoPermit.
func (s permits) find(ctx context.Context, q querier, sid account.SID, client string) (device.Permit, error) {
	var at, record []byte
	err := q.QueryRowContext(ctx, "SELECT proof, record FROM permits WHERE place IN "+anyOf+
		" AND used = 0 AND until > $9 ORDER BY until DESC LIMIT 1",
		s.of(sid, client).args(micros(s.now()))...).Scan(&at, &record)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return device.Permit{}, err
	}
	var p device.Permit
	if err != nil || !s.open("permits.record", at, record, &p) || p.Session != sid || p.Client != client {
		return device.Permit{}, answer{device.ErrNoPermit}
	}
	return p, nil
}

func (s permits) Use(ctx context.Context, sid account.SID, client string,
	fn func(device.Permit, []device.Device) ([]device.Device, error),
) (first device.Device, err error) {
	told := false
	err = s.write(ctx, "using a permit", func(ctx context.Context, tx *sql.Tx) error {
		p, err := s.take(ctx, tx, sid, client)
		if err != nil {
			return err
		}
		phones := devices(s)
		before, err := phones.of(ctx, tx, p.Account)
		if err != nil {
			return err
		}
		after, err := fn(p, slices.Clone(before))
		if err != nil {
			return answer{err}
		}
		if len(after) == 0 {
			return answer{errors.New("a permit is used for nothing")}
		}
		first = after[0]
		told, err = phones.saveAll(ctx, tx, p, before, after)
		return err
	})
	if err != nil {
		return device.Device{}, err
	}
	devices(s).rouseNews(told)
	return first, nil
}

// take uses the permit up and returns it, the account locked.
func (s permits) take(ctx context.Context, tx *sql.Tx, sid account.SID, client string) (device.Permit, error) {
	p, err := s.find(ctx, tx, sid, client)
	if err != nil {
		return p, err
	}
	if err := s.lockAccount(ctx, tx, p.Account); err != nil {
		return p, err
	}
	// Somebody else may have used it, or another was given, before the lock was had.
	if p, err = s.find(ctx, tx, sid, client); err != nil {
		return p, err
	}
	return p, s.useUp(ctx, tx, s.of(sid, client))
}

// saveAll stores what a permit was used for, each phone in its turn, so that
// what one gives up the next may take.
func (s devices) saveAll(ctx context.Context, tx *sql.Tx, p device.Permit, before, after []device.Device) (told bool, err error) {
	kept := len(before)
	for _, d := range after {
		if d.Account != p.Account || d.Number != p.Number {
			return false, answer{errors.New("a permit is used for another person's phone")}
		}
		var old device.Device
		if i := slices.IndexFunc(before, func(b device.Device) bool { return b.ID == d.ID }); i >= 0 {
			old = before[i]
		} else {
			kept++
		}
		if err := s.isNew(ctx, tx, old, d); err != nil {
			return false, err
		}
		news, err := s.save(ctx, tx, old, d)
		if err != nil {
			return false, err
		}
		told = told || news
	}
	if kept <= device.MaxKept {
		return told, nil
	}
	return told, s.makeRoom(ctx, tx, p.Account)
}

// isNew refuses a new phone under the id of one that is there, whoever has it.
func (s devices) isNew(ctx context.Context, tx *sql.Tx, old, d device.Device) error {
	if old.ID != "" {
		return nil
	}
	var there bool
	err := tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM devices WHERE id = $1", string(d.ID)).Scan(&there)
	if err == nil && there {
		return answer{errors.New("the id of a new phone is taken")}
	}
	return err
}

// makeRoom forgets the oldest of an account's blocked phones where there are
// more than are kept.
func (s devices) makeRoom(ctx context.Context, tx *sql.Tx, id account.ID) error {
	whose := s.whose(string(id))
	_, err := tx.ExecContext(ctx, "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE account IN "+anyOf+
		" AND state = $9 ORDER BY made, id LIMIT (SELECT count(*) - $10 FROM devices WHERE account IN "+anyOf+"))",
		whose.args(int(device.Blocked), device.MaxKept)...)
	return err
}
