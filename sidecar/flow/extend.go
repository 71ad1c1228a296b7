package flow

import "context"

// maxLifetimes is how many lifetimes a login may last, extensions counted:
// WCAG 2.2 (2.2.1) asks for ten extensions at least, and Keycloak's sessions
// last ten hours as it comes.
const maxLifetimes = 12

// Extensible reports whether Extend may give the attempt more time. Other flows
// than a login live so long that nobody needs it.
func (e *Engine) Extensible(r Record) bool {
	return r.Status == Open && r.Flow == Login && r.Expires.Before(r.Created.Add(maxLifetimes*e.lifetime(r.Flow)))
}

// Extend gives an attempt its whole lifetime again, from now on; one that is
// not extensible stays as it is. It returns ErrNoAttempt when there is none.
// What is withheld in it may be too old by then, which the caller sees to.
func (e *Engine) Extend(ctx context.Context, id AttemptID) error {
	_, err := e.Attempts.Update(ctx, id, func(r *Record) error {
		if !e.Extensible(*r) {
			return nil
		}
		r.Expires = e.Now().Add(e.lifetime(r.Flow))
		if last := r.Created.Add(maxLifetimes * e.lifetime(r.Flow)); r.Expires.After(last) {
			r.Expires = last
		}
		return nil
	})
	return err
}
