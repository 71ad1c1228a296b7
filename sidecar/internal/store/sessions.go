package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
)

// The bounds of proxy.Sessions.
const (
	maxClaims = 16 << 10 // of Claims as JSON, in bytes
	maxEnded  = 500      // ids per question
	maxOwn    = 100      // sessions of one person, of whatever sites of an issuer
)

// sessions implements proxy.Sessions and proxy.Ender.
type sessions struct{ *Store }

// SessionStore is the proxy's port.
type SessionStore interface {
	proxy.Sessions
	proxy.Ender
}

// Sessions returns the proxy's port.
func (s *Store) Sessions() SessionStore { return sessions{s} }

func (s sessions) subject(issuer, subject string) alternatives {
	return s.keys("sessions.subject", issuer, subject)
}

func (s sessions) sid(issuer, sid string) alternatives {
	return s.keys("sessions.sid", issuer, sid)
}

// sidColumn is NULL where the provider gave no sid.
func (s sessions) sidColumn(v proxy.Session) any {
	if v.SID == "" {
		return nil
	}
	return s.sid(v.Issuer, v.SID).primary()
}

func checkSession(v proxy.Session) error {
	if v.ID == (proxy.SessionID{}) || v.Issuer == "" || v.Subject == "" || v.Expires.IsZero() {
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

func (s sessions) Create(ctx context.Context, v proxy.Session) error {
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

func (s sessions) Get(ctx context.Context, id proxy.SessionID) (v proxy.Session, err error) {
	err = s.read(ctx, "reading a session", func(ctx context.Context, q querier) error {
		v, err = s.load(ctx, q, id)
		return err
	})
	return v, err
}

// load returns a live session, or answers ErrNoSession.
func (s sessions) load(ctx context.Context, q querier, id proxy.SessionID) (proxy.Session, error) {
	var record []byte
	err := q.QueryRowContext(ctx, "SELECT record FROM sessions WHERE id = $1", id[:]).Scan(&record)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return proxy.Session{}, err
	}
	var v proxy.Session
	if err != nil || !s.open("sessions.record", id[:], record, &v) || !v.Expires.After(s.now()) {
		return proxy.Session{}, answer{proxy.ErrNoSession}
	}
	return v, nil
}

func (s sessions) Update(ctx context.Context, id proxy.SessionID, fn func(*proxy.Session) error) (v proxy.Session, err error) {
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
		return proxy.Session{}, err
	}
	return v, nil
}

// save answers ErrNoSession when End was faster.
func (s sessions) save(ctx context.Context, tx *sql.Tx, v proxy.Session) error {
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
		return answer{proxy.ErrNoSession}
	}
	return err
}

func (s sessions) End(ctx context.Context, m proxy.Match) (n int, err error) {
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

func (s sessions) match(m proxy.Match) (statement string, args []any, err error) {
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

func (s sessions) Ended(ctx context.Context, ids []proxy.SessionID) (ended []proxy.SessionID, err error) {
	if len(ids) > maxEnded {
		return nil, fmt.Errorf("asking for more than %d sessions", maxEnded)
	}
	live := map[proxy.SessionID]bool{}
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
	return slices.DeleteFunc(slices.Clone(ids), func(id proxy.SessionID) bool { return live[id] }), nil
}

// live marks those of at most eight sessions that live.
func (s sessions) live(ctx context.Context, q querier, some []proxy.SessionID, live map[proxy.SessionID]bool) error {
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
		live[proxy.SessionID(id)] = true
	}
	return rows.Err()
}
