package flow

import (
	"context"
	"time"
)

// maxLifetimes is how many lifetimes a login may last, extensions counted:
// WCAG 2.2 (2.2.1) asks for ten extensions at least, and Keycloak's sessions
// last ten hours as it comes.
const maxLifetimes = 12

// seenEvery is how exactly it is stored when a browser was last seen.
const seenEvery = 5 * time.Minute

// Extensible reports whether Extend may give the attempt more time. What has a
// proof in another flow than a login lives so long that nobody needs it.
func (e *Engine) Extensible(r Record) bool {
	return r.Status == Open && r.Expires.Before(e.last(r))
}

// last is the end that no extension passes.
func (e *Engine) last(r Record) time.Time {
	if r.Flow.Holds() {
		return r.Created.Add(maxLifetimes * e.lifetime(r.Flow))
	}
	return r.Created.Add(LongLifetime)
}

// Extend gives an attempt its whole lifetime again, from now on; one that is
// not extensible stays as it is. It returns ErrNoAttempt when there is none.
// What is withheld in it may be too old by then, which the caller sees to.
func (e *Engine) Extend(ctx context.Context, id AttemptID) error {
	_, err := e.Attempts.Update(ctx, id, func(r *Record) error {
		e.extend(r)
		return nil
	})
	return err
}

// Gains is how much later than it does an attempt would end by Extend.
func (e *Engine) Gains(r Record) time.Duration { return e.extended(r).Sub(r.Expires) }

func (e *Engine) extend(r *Record) {
	if end := e.extended(*r); e.Extensible(*r) && r.Expires.Before(end) {
		r.Expires = end
	}
}

func (e *Engine) extended(r Record) time.Time {
	end := e.Now().Add(e.lifetime(r.Flow))
	if last := e.last(r); end.After(last) {
		return last
	}
	return end
}

// see extends what is no login, which lives from when its browser was last
// seen. A login lives as long as the code that is withheld in it.
func (e *Engine) see(r *Record) {
	if !r.Flow.Holds() && r.ID != "" {
		e.extend(r)
	}
}

// unseen reports whether it is time to store that the browser was seen.
func (e *Engine) unseen(r Record) bool {
	return !r.Flow.Holds() && r.ID != "" && e.Extensible(r) && e.extended(r).Sub(r.Expires) >= seenEvery
}
