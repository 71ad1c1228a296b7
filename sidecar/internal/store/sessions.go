package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

// The bounds of relying.Sessions.
const (
	maxClaims = 16 << 10 // of Claims as JSON, in bytes
	maxEnded  = 500      // ids per question
	maxOwn    = 100      // sessions of one person, of whatever sites of an issuer
)

// sessions implements relying.Sessions and relying.Ender.
type sessions struct{ *Store }

// SessionStore is the port of relying parties.
type SessionStore interface {
	relying.Sessions
	relying.Ender
}

// Sessions returns the port of relying parties.
func (s *Store) Sessions() SessionStore { return sessions{s} }

func (s sessions) subject(issuer, subject string) alternatives {
	return s.keys("sessions.subject", issuer, subject)
}

func (s sessions) sid(issuer, sid string) alternatives {
	return s.keys("sessions.sid", issuer, sid)
}

// sidColumn is NULL where the provider gave no sid.
func (s sessions) sidColumn(v relying.Session) any {
	if v.SID == "" {
		return nil
	}
	return s.sid(v.Issuer, v.SID).primary()
}

func checkSession(v relying.Session) error {
	if v.ID == (relying.SessionID{}) || v.Issuer == "" || v.Subject == "" || v.Expires.IsZero() {
		return errors.New("session without id, issuer, subject or expiry")
	}
	claims, err := json.Marshal(v.Claims)
	if err != nil {
		return fmt.Errorf("claims of a session: %w", err)
	}
	if len(claims) > maxClaims {
		return fault.New(fault.TooLarge, "later", fmt.Errorf("claims over %d bytes", maxClaims))
	}
	return nil
}

func (s sessions) Create(ctx context.Context, v relying.Session) error {
	if err := checkSession(v); err != nil {
		return err
	}
	return s.write(ctx, "creating a session", func(ctx context.Context, tx *sql.Tx) error {
		record, err := s.seal("sessions.record", v.ID[:], v)
		if err != nil {
			return err
		}
		if err := s.makeRoom(ctx, tx, s.subject(v.Issuer, v.Subject)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO sessions (id, subject, sid, expires, record) VALUES ($1, $2, $3, $4, $5)",
			v.ID[:], s.subject(v.Issuer, v.Subject).primary(), s.sidColumn(v), micros(v.Expires), record)
		return err
	})
}

// makeRoom ends the sessions of a person that end first anyway, where there
// are as many as one may have.
func (s sessions) makeRoom(ctx context.Context, tx *sql.Tx, subject alternatives) error {
	if err := s.db.Lock(ctx, tx, subject[:]...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE subject IN "+anyOf+
		" ORDER BY expires DESC, id LIMIT 1000 OFFSET $9)", subject.args(maxOwn-1)...)
	return err
}

func (s sessions) Get(ctx context.Context, id relying.SessionID) (v relying.Session, err error) {
	err = s.read(ctx, "reading a session", func(ctx context.Context, q querier) error {
		v, err = s.load(ctx, q, id)
		return err
	})
	return v, err
}

// load returns a live session, or answers ErrNoSession.
func (s sessions) load(ctx context.Context, q querier, id relying.SessionID) (relying.Session, error) {
	var record []byte
	err := q.QueryRowContext(ctx, "SELECT record FROM sessions WHERE id = $1", id[:]).Scan(&record)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return relying.Session{}, err
	}
	var v relying.Session
	if err != nil || !s.open("sessions.record", id[:], record, &v) || !v.Expires.After(s.now()) {
		return relying.Session{}, answer{relying.ErrNoSession}
	}
	return v, nil
}

func (s sessions) Update(ctx context.Context, id relying.SessionID, fn func(*relying.Session) error) (v relying.Session, err error) {
	err = s.write(ctx, "updating a session", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, append([]byte("session/"), id[:]...)); err != nil {
			return err
		}
		v, err = s.load(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(&v); err != nil {
			return answer{err}
		}
		if v.ID != id {
			return answer{errors.New("a session's id does not change")}
		}
		return s.save(ctx, tx, v)
	})
	if err != nil {
		return relying.Session{}, err
	}
	return v, nil
}

// save answers ErrNoSession when End was faster.
func (s sessions) save(ctx context.Context, tx *sql.Tx, v relying.Session) error {
	if err := checkSession(v); err != nil {
		return answer{err}
	}
	record, err := s.seal("sessions.record", v.ID[:], v)
	if err != nil {
		return err
	}
	n, err := changed(tx.ExecContext(ctx, "UPDATE sessions SET subject = $2, sid = $3, expires = $4, record = $5 WHERE id = $1",
		v.ID[:], s.subject(v.Issuer, v.Subject).primary(), s.sidColumn(v), micros(v.Expires), record))
	if err == nil && n == 0 {
		return answer{relying.ErrNoSession}
	}
	return err
}

func (s sessions) End(ctx context.Context, m relying.Match) (n int, err error) {
	statement, args, err := s.match(m)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, "ending sessions", func(ctx context.Context, tx *sql.Tx) error {
		n, err = changed(tx.ExecContext(ctx, statement, args...))
		return err
	})
	return n, err
}

func (s sessions) match(m relying.Match) (statement string, args []any, err error) {
	byIssuer := m.Issuer != "" && (m.Subject != "" || m.SID != "")
	switch {
	case m.ID != nil && m.Issuer == "" && m.Subject == "" && m.SID == "":
		return "DELETE FROM sessions WHERE id = $1", []any{m.ID[:]}, nil
	case m.ID != nil || !byIssuer:
		return "", nil, errors.New("ending sessions: want an id alone, or an issuer with subject, sid or both")
	case m.SID == "":
		return "DELETE FROM sessions WHERE subject IN " + anyOf, s.subject(m.Issuer, m.Subject).args(), nil
	case m.Subject == "":
		return "DELETE FROM sessions WHERE sid IN " + anyOf, s.sid(m.Issuer, m.SID).args(), nil
	default:
		return "DELETE FROM sessions WHERE subject IN " + anyOf +
				" AND sid IN ($9,$10,$11,$12,$13,$14,$15,$16)",
			s.subject(m.Issuer, m.Subject).args(s.sid(m.Issuer, m.SID).args()...), nil
	}
}

func (s sessions) Ended(ctx context.Context, ids []relying.SessionID) (ended []relying.SessionID, err error) {
	if len(ids) > maxEnded {
		return nil, fmt.Errorf("asking for more than %d sessions", maxEnded)
	}
	live := map[relying.SessionID]bool{}
	err = s.read(ctx, "asking which sessions ended", func(ctx context.Context, q querier) error {
		for some := range slices.Chunk(ids, len(alternatives{})) {
			if err := s.live(ctx, q, some, live); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id relying.SessionID) bool { return live[id] }), nil
}

// live marks those of at most eight sessions that live.
func (s sessions) live(ctx context.Context, q querier, some []relying.SessionID, live map[relying.SessionID]bool) error {
	var ids alternatives
	for i := range ids {
		id := some[min(i, len(some)-1)]
		ids[i] = id[:]
	}
	rows, err := q.QueryContext(ctx, "SELECT id FROM sessions WHERE id IN "+anyOf+" AND expires > $9", ids.args(micros(s.now()))...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		live[relying.SessionID(id)] = true
	}
	return rows.Err()
}
