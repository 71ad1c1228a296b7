package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// maxRecord bounds an extension's record, in bytes.
const maxRecord = 64 << 10

// records implements extension.Records.
type records struct {
	*Store
	extension string
	about     extension.Subject
}

// Records returns the records of one extension, by its name in the
// configuration. Versions are random, so that a record deleted and made anew
// never has the version of the old one.
func (s *Store) Records(name string) extension.Records { return records{Store: s, extension: name} }

func (s records) About(about extension.Subject) extension.Records {
	s.about = about
	return s
}

func (s records) keys(person string) alternatives {
	return s.Store.keys("records", s.extension, person)
}

// row is a record as it stands.
type row struct {
	key     []byte
	version int64
	data    json.RawMessage
}

func (s records) Get(ctx context.Context, person string) (data json.RawMessage, version int64, err error) {
	err = s.read(ctx, "reading a record", func(ctx context.Context, q querier) error {
		r, err := s.find(ctx, q, s.keys(person))
		data, version = r.data, r.version
		return err
	})
	return data, version, err
}

// find returns the zero row when there is none that lives.
func (s records) find(ctx context.Context, q querier, keys alternatives) (row, error) {
	var r row
	var sealed []byte
	err := q.QueryRowContext(ctx, "SELECT key, version, data FROM records WHERE key IN "+anyOf+
		" AND expires > $9 LIMIT 1", keys.args(micros(s.now()))...).Scan(&r.key, &r.version, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, nil
	}
	if err != nil {
		return row{}, err
	}
	if !s.open("records.data", r.key, sealed, &r.data) {
		return row{}, nil
	}
	return r, nil
}

func (s records) Put(ctx context.Context, person string, version int64, data json.RawMessage, keep time.Duration) error {
	switch {
	case person == "":
		return errors.New("putting a record of nobody")
	case len(data) > maxRecord:
		return fault.New(fault.TooLarge, "later", fmt.Errorf("record of %s over %d bytes", s.extension, maxRecord))
	case data != nil && !json.Valid(data):
		return fmt.Errorf("record of %s is not JSON", s.extension)
	case data != nil && keep <= 0:
		return fmt.Errorf("record of %s is kept for no time", s.extension)
	}
	return s.write(ctx, "putting a record", func(ctx context.Context, tx *sql.Tx) error {
		keys := s.keys(person)
		if err := s.db.Lock(ctx, tx, keys[:]...); err != nil {
			return err
		}
		old, err := s.find(ctx, tx, keys)
		if err != nil {
			return err
		}
		if old.version != version {
			return answer{extension.ErrStale}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM records WHERE key IN "+anyOf, keys.args()...); err != nil || data == nil {
			return err
		}
		return s.insert(ctx, tx, person, data, s.now().Add(keep))
	})
}

func (s records) insert(ctx context.Context, tx *sql.Tx, person string, data json.RawMessage, expires time.Time) error {
	key := s.keys(person).primary()
	sealed, err := s.seal("records.data", key, data)
	if err != nil {
		return err
	}
	whose, account := s.columns(s.about, person)
	_, err = tx.ExecContext(ctx, `INSERT INTO records (key, extension, version, expires, data, person, account, evidence, made)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		key, s.extension, 1+rand.Int64N(1<<62), micros(expires), sealed, //nolint:gosec // a version must differ, not be secret
		whose, account, flag(s.about.Evidence), micros(s.now()))
	return err
}
