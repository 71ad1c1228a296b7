package relying

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Times of a refresh.
const (
	leaseFor    = 20 * time.Second       // longer than the call and the writing of its result
	leaseRest   = 2 * time.Second        // after a failed call nobody tries again for this long
	othersWait  = 5 * time.Second        // how long a request waits for another replica's refresh
	othersPoll  = 100 * time.Millisecond // how often it looks
	maxMargin   = 30 * time.Second       // tokens are refreshed this long before they end, or a quarter of their life
	defaultLife = 5 * time.Minute        // of an access token whose issuer does not say
)

var (
	errFresh  = errors.New("the tokens are good")
	errLeased = errors.New("the tokens are being refreshed elsewhere")
)

// margin is how long before their end the tokens are refreshed.
func (x *Session) margin() time.Duration {
	life := defaultLife
	if iat, ok := x.Claims["iat"].(float64); ok {
		life = x.TokenExpires.Sub(time.Unix(int64(iat), 0))
	}
	return max(0, min(maxMargin, life/4))
}

// Due reports whether a session's tokens are to be refreshed.
func (x *Session) Due(now time.Time) bool { return x.TokenExpires.Sub(now) <= x.margin() }

// renew gives a session good tokens. While the present ones still are, nobody
// waits for it and no failure matters.
func (rp *Party) renew(ctx context.Context, e *Entry) (*Entry, error) {
	now := rp.Now()
	valid := now.Before(e.TokenExpires)
	if valid && (now.Before(e.Lease) || e.RefreshToken == "") {
		return e, nil
	}
	done := rp.renewals.DoChan(string(e.ID[:]), func() (any, error) {
		return rp.refresh(context.WithoutCancel(ctx), e.ID)
	})
	if valid {
		return e, nil
	}
	select {
	case <-ctx.Done():
		return nil, later("waiting for a token refresh", ctx.Err())
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Entry), nil
	}
}

// refresh is the one flight of this replica for one session. It takes the
// session's lease or waits for who has it.
func (rp *Party) refresh(ctx context.Context, id SessionID) (*Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseFor)
	defer cancel()
	if err := rp.saveAgain(ctx, id); err != nil {
		return nil, err
	}
	giveUp := time.Now().Add(othersWait)
	for {
		leased, err := rp.lease(ctx, id)
		switch {
		case err == nil:
			return rp.exchange(ctx, leased)
		case errors.Is(err, errFresh):
			return rp.read(ctx, id)
		case !errors.Is(err, errLeased):
			return nil, storeFault("leasing a session", err)
		case time.Now().After(giveUp):
			return nil, later("waiting for a token refresh", err)
		}
		pause(ctx, othersPoll)
	}
}

// lease claims the refresh of a session for this replica.
func (rp *Party) lease(ctx context.Context, id SessionID) (Session, error) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	return rp.Sessions.Update(ctx, id, func(x *Session) error {
		now := rp.Now()
		switch {
		case x.RefreshToken == "":
			return ErrNoSession // nothing left to live on
		case !x.Due(now):
			return errFresh
		case now.Before(x.Lease):
			return errLeased
		}
		x.Lease = now.Add(leaseFor)
		return nil
	})
}

// exchange asks the issuer for new tokens and writes them down.
func (rp *Party) exchange(ctx context.Context, x Session) (*Entry, error) {
	next, err := rp.redeem(ctx, x)
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		rp.meter().Renewal("ok")
		return rp.save(ctx, renewed{next, x.RefreshToken})
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant", errors.Is(err, errOtherPerson):
		rp.meter().Renewal("ended")
		rp.Log.InfoContext(ctx, "the provider has ended a session", "reason", reason(err))
		if _, err := rp.end(ctx, Match{ID: &x.ID}, "provider"); err != nil {
			return nil, err
		}
		return nil, ErrNoSession
	}
	rp.meter().Renewal("failed")
	rp.Log.WarnContext(ctx, "refreshing tokens", "error", reason(err))
	rp.rest(ctx, x.ID)
	return nil, later("refreshing tokens", errors.New(reason(err)))
}

// rest makes all replicas wait a little before the next try.
func (rp *Party) rest(ctx context.Context, id SessionID) {
	until := rp.Now().Add(leaseRest)
	_, err := rp.Sessions.Update(ctx, id, func(x *Session) error {
		x.Lease = until
		return nil
	})
	if err != nil {
		rp.Log.WarnContext(ctx, "returning a lease", "error", err)
	}
}

// redeem returns the session with new tokens.
func (rp *Party) redeem(ctx context.Context, x Session) (Session, error) {
	issuer, err := rp.issuer(ctx)
	if err != nil {
		return x, err
	}
	config, err := rp.oauth(issuer)
	if err != nil {
		return x, err
	}
	ctx, cancel := context.WithTimeout(ctx, issuerWait)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, issuer.client)
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: x.RefreshToken}).Token()
	if err != nil {
		return x, err
	}
	return rp.withTokens(ctx, issuer, x, token)
}

// save writes new tokens. The old refresh token may be used up, so the new
// ones are kept in memory when the store is away, and written with the next try.
func (rp *Party) save(ctx context.Context, next renewed) (*Entry, error) {
	wait := othersPoll
	for {
		e, err := rp.write(ctx, next)
		if err == nil || errors.Is(err, ErrNoSession) {
			return e, err
		}
		if ctx.Err() != nil || wait > time.Second {
			rp.unsaved.put(next)
			return nil, err
		}
		pause(ctx, wait)
		wait *= 2
	}
}

// saveAgain writes what save could not.
func (rp *Party) saveAgain(ctx context.Context, id SessionID) error {
	kept, ok := rp.unsaved.get(id)
	if !ok {
		return nil
	}
	if _, err := rp.write(ctx, kept); err != nil && !errors.Is(err, ErrNoSession) {
		return err
	}
	rp.unsaved.drop(id)
	return nil
}

// write writes new tokens in place of those they were got with; where others
// stand by now, those are newer.
func (rp *Party) write(ctx context.Context, next renewed) (*Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	epoch := rp.cache.epoch.Load()
	written, err := rp.Sessions.Update(ctx, next.ID, func(x *Session) error {
		if x.RefreshToken != next.from {
			return errFresh
		}
		x.AccessToken, x.RefreshToken, x.IDToken = next.AccessToken, next.RefreshToken, next.IDToken
		x.TokenExpires, x.Claims, x.Username = next.TokenExpires, next.Claims, next.Username
		x.Lease = time.Time{}
		return nil
	})
	switch {
	case errors.Is(err, errFresh):
		return rp.read(ctx, next.ID)
	case err != nil:
		return nil, storeFault("writing refreshed tokens", err)
	}
	return rp.keep(written, epoch)
}

// storeFault keeps ErrNoSession as it is and makes everything else "later".
func storeFault(doing string, err error) error {
	if errors.Is(err, ErrNoSession) || fault.KindOf(err) != fault.Internal {
		return err
	}
	return later(doing, err)
}

// reason describes an error of the token endpoint without its body, which
// may hold what the issuer knows of the person.
func reason(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Sprintf("token endpoint: status %d, error %q", refused.Response.StatusCode, refused.ErrorCode)
	}
	return err.Error()
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
