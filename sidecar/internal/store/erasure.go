package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

// Erasure is a clerk's request to forget somebody, which another one confirms.
type Erasure struct {
	ID      string // for people to type; drawn by the caller, who announces it in the audit first
	Person  Person
	Clerk   string // who asked
	Reason  string
	Made    time.Time
	Expires time.Time
}

// HeldErasure is what is shown of a request.
type HeldErasure struct {
	ID      string    `json:"id"`
	Clerk   string    `json:"clerk"`
	Reason  string    `json:"reason"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"kept_until"`
}

// The bounds of requests.
const (
	erasureLife = 24 * time.Hour
	maxErasures = 1000 // that wait
)

// Errors of requests.
var (
	ErrNoErasure       = errors.New("no such request: it was carried out, its 24 hours are over, or the id is wrong")
	ErrTooManyErasures = errors.New("1000 requests wait already")
)

// RequestErasure stores the request for 24 hours and returns it with its times.
func (s *Store) RequestErasure(ctx context.Context, e Erasure) (Erasure, error) {
	if e.ID == "" || e.Person.Number == "" || e.Clerk == "" || e.Reason == "" {
		return Erasure{}, errors.New("a request without id, number, clerk or reason")
	}
	e.Made = s.now()
	e.Expires = e.Made.Add(erasureLife)
	err := s.write(ctx, "storing a request", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, []byte("erasures")); err != nil {
			return err
		}
		var waiting int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM erasures").Scan(&waiting); err != nil {
			return err
		}
		if waiting >= maxErasures {
			return answer{ErrTooManyErasures}
		}
		sealed, err := s.seal("erasures.request", []byte(e.ID), e)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO erasures (id, request, expires) VALUES ($1, $2, $3)", e.ID, sealed, micros(e.Expires))
		return err
	})
	return e, err
}

// Erasure returns the request with this id, or ErrNoErasure.
func (s *Store) Erasure(ctx context.Context, id string) (e Erasure, err error) {
	err = s.read(ctx, "reading a request", func(ctx context.Context, q querier) error {
		var sealed []byte
		err := q.QueryRowContext(ctx, "SELECT request FROM erasures WHERE id = $1 AND expires > $2", id, micros(s.now())).Scan(&sealed)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !s.open("erasures.request", []byte(id), sealed, &e) {
			return answer{ErrNoErasure}
		}
		return err
	})
	return e, err
}

// EndErasure drops a request that was carried out.
func (s *Store) EndErasure(ctx context.Context, id string) error {
	return s.write(ctx, "dropping a request", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM erasures WHERE id = $1", id)
		return err
	})
}

// erasuresOf returns the requests about a number.
func (s *Store) erasuresOf(ctx context.Context, number member.KVNR) (out []HeldErasure, err error) {
	if number == "" {
		return nil, nil
	}
	err = s.read(ctx, "reading requests", func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, "SELECT id, request FROM erasures WHERE expires > $1 ORDER BY expires LIMIT $2", micros(s.now()), maxErasures)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var sealed []byte
			if err := rows.Scan(&id, &sealed); err != nil {
				return err
			}
			var e Erasure
			if s.open("erasures.request", []byte(id), sealed, &e) && e.Person.Number == number {
				out = append(out, HeldErasure{e.ID, e.Clerk, e.Reason, e.Made.UTC(), e.Expires.UTC()})
			}
		}
		return rows.Err()
	})
	return out, err
}
