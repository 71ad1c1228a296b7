package gate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Whoever comes to a client anew in the middle of a registration, because the
// program died before it answered or a window was closed, types their number
// and chooses again. What they have proved, a letter's only code perhaps, must
// not be lost by that: the browser goes on in the attempt that it holds.

// maxHalves is how many drafts' halves a browser brings.
const maxHalves = maxAttemptCookies

// seenPage is what the page cookie says: the browser's half of the secrets of
// what is kept, and the halves of the drafts that it saw last, newest first. By
// these it finds an attempt whose cookie never reached it.
type seenPage struct {
	half   flow.Secret
	drafts []string
}

func readSeenPage(c *wire.Cookies) (seenPage, error) {
	parts := strings.Split(c.OwnNamed(pageCookie), ".")
	half, err := flow.ParseSecret(parts[0])
	if err != nil {
		return seenPage{}, err
	}
	return seenPage{half, parts[1:min(len(parts), 1+maxHalves)]}, nil
}

func (s seenPage) encode() string {
	return strings.Join(append([]string{s.half.Encode()}, s.drafts...), ".")
}

// with remembers a draft's half.
func (s seenPage) with(half string) seenPage {
	drafts := []string{half}
	for _, d := range s.drafts {
		if d != half && len(drafts) < maxHalves {
			drafts = append(drafts, d)
		}
	}
	return seenPage{s.half, drafts}
}

// secrets are those of the attempts that this browser may hold.
func (h *handler) secrets(cookies *wire.Cookies, of flow.Name, number member.KVNR) []flow.Secret {
	var out []flow.Secret
	for _, c := range cookies.Own() {
		secret, err := flow.ParseSecret(cookies.OwnNamed(c.Name))
		if isTag(c.Name) && err == nil && secret.ID().Tag() == c.Name && len(out) < maxAttemptCookies {
			out = append(out, secret)
		}
	}
	seen, err := readSeenPage(cookies)
	if err != nil || of == flow.Login {
		return out
	}
	for _, half := range seen.drafts {
		if secret := keptUnder(seen.half, half, of, number); !slices.Contains(out, secret) {
			out = append(out, secret)
		}
	}
	return out
}

// underWay finds the attempt in which this browser is on the same way for the
// same number, the newest first. One in which a way was refused and nothing is
// proved holds nobody up: they begin again with every way.
func (h *handler) underWay(ctx context.Context, x *exchange, draft flow.Record) (flow.Secret, bool, error) {
	var found flow.Record
	var holds flow.Secret
	for _, secret := range h.secrets(&x.cookies, draft.Flow, draft.Number) {
		rec, err := h.Engine.Attempts.Get(ctx, secret.ID())
		switch {
		case errors.Is(err, flow.ErrNoAttempt):
		case err != nil:
			return flow.Secret{}, false, laterFault(err)
		case rec.Flow != draft.Flow || rec.Number != draft.Number || rec.Status.Terminal():
		case len(rec.Proofs) == 0 && len(rec.Denied) > 0:
		case !h.justProved(rec):
		case found.ID == "" || rec.Created.After(found.Created):
			found, holds = rec, secret
		}
	}
	return holds, found.ID != "", nil
}

// anewFor is how long after their last proof somebody who begins anew at this
// browser is taken for who gave it. A browser may be shared, and the next one
// there may know the number: later they prove it again, or go on by the page
// that they left.
const anewFor = 30 * time.Minute

// justProved reports whether the last proof is that young; where nothing is
// proved there is nothing to be taken over.
func (h *handler) justProved(rec flow.Record) bool {
	var last time.Time
	for _, p := range rec.Proofs {
		last = latest(last, p.At)
	}
	return len(rec.Proofs) == 0 || h.Now().Sub(last) <= anewFor
}

// anewField says what somebody wants who begins anew while an attempt of this
// browser has proved who they are: to go on in it, or to begin.
const (
	anewField  = "schleuse_anew"
	goOnValue  = "on"
	beginValue = "begin"
)

// goOnAnew goes on in the attempt under way. Where something is proved it asks
// before: the one who begins need not be the one who proved it.
func (h *handler) goOnAnew(w http.ResponseWriter, r *http.Request, x *exchange, q asked) (done bool, err error) {
	secret, ok, err := h.underWay(r.Context(), x, q.Draft)
	if err != nil || !ok {
		return false, err
	}
	rec, err := h.Engine.Attempts.Get(r.Context(), secret.ID())
	switch {
	case err != nil:
		return false, laterFault(err)
	case len(rec.Proofs) > 0:
		return true, h.askAnew(w, r, x, q, secret)
	}
	return true, h.goOnIn(w, r, x, q, secret)
}

// askAnew asks. What the browser found the attempt by may be gone by the time
// of the answer; its cookie stays.
func (h *handler) askAnew(w http.ResponseWriter, r *http.Request, x *exchange, q asked, secret flow.Secret) error {
	if x.cookies.OwnNamed(secret.ID().Tag()) == "" {
		h.giveAttempt(w.Header(), x, secret)
	}
	q.Anew = true
	target := wire.Target{Path: q.Path, Query: q.Query}.String()
	return h.renderDraft(w, r, x, q, web.Page{Name: "anew", Action: target, Back: target, Carried: true})
}

// anewAnswered does what was wanted. Who begins takes the attempt from this
// browser: whoever proved something in it proves it again.
func (h *handler) anewAnswered(w http.ResponseWriter, r *http.Request, x *exchange, q asked, d drafting) (done bool, err error) {
	for range maxAttemptCookies + maxHalves {
		secret, ok, err := h.underWay(r.Context(), x, q.Draft)
		switch {
		case err != nil || !ok:
			return false, err
		case d.anew == goOnValue:
			return true, h.goOnIn(w, r, x, q, secret)
		case d.anew != beginValue:
			return true, h.askAnew(w, r, x, q, secret)
		}
		if err := h.Engine.Fail(r.Context(), secret.ID(), flow.Superseded); err != nil {
			return false, laterFault(err)
		}
	}
	return false, nil
}

// goOnIn goes on in an attempt for the request with which the browser has come
// now: the one of then may be long dead.
func (h *handler) goOnIn(w http.ResponseWriter, r *http.Request, x *exchange, q asked, secret flow.Secret) error {
	begun, err := beginning(q)
	if err != nil {
		return err
	}
	_, err = h.Engine.Attempts.Update(r.Context(), secret.ID(), func(rec *flow.Record) error {
		if !rec.Status.Terminal() {
			rec.Held, rec.Client = begun, q.Client
		}
		return nil
	})
	if err != nil {
		return laterFault(err)
	}
	return h.inKept(w, r, x, secret, h.Engine.Look)
}
