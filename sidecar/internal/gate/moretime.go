package gate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// asksForTime reports whether a form asks for more time. Then it answers
// nothing, and what was typed is shown again.
func asksForTime(r *http.Request) bool { return r.PostForm.Has(web.MoreField) }

// timed says on a page how long the attempt is good, and whether there is more
// to be had.
func (h *handler) timed(r *http.Request, page web.Page, rec flow.Record) web.Page {
	page.Until, page.More = rec.Expires, h.extensible(rec)
	if asksForTime(r) {
		page.Typed = r.PostForm
	}
	return page
}

// extensible reports whether an attempt may last longer. A login outlasts the
// code that is held in it, and must be one that can be asked for again (see
// comeAgain).
func (h *handler) extensible(rec flow.Record) bool {
	if !h.Engine.Extensible(rec) {
		return false
	}
	if !signedIn(rec) {
		return true
	}
	s, err := decodeHeld(rec.Held)
	return err == nil && (s.Query != "" || h.Settings.Start[rec.Client] != "")
}

// moreTime gives the attempt more time, if Keycloak's session can be kept alive
// for so long, and shows where it stands; the page says until when.
func (h *handler) moreTime(r *http.Request) moving {
	return func(ctx context.Context, id flow.AttemptID) (flow.Position, error) {
		rec, err := h.Engine.Attempts.Get(ctx, id)
		if err != nil {
			return flow.Position{}, err
		}
		if h.extensible(rec) && h.Engine.Gains(rec) >= time.Minute && (!signedIn(rec) || h.keepAlive(r, rec)) {
			if err := h.Engine.Extend(ctx, id); err != nil {
				return flow.Position{}, err
			}
		}
		return h.Engine.Look(ctx, id)
	}
}

// keepAlive asks Keycloak for the account console as the held login, whose
// session is idle no longer by that. The cookies that it renews are dropped:
// the held ones live as long as the session may.
func (h *handler) keepAlive(r *http.Request, rec flow.Record) bool {
	s, err := decodeHeld(rec.Held)
	if err != nil {
		return false
	}
	if !h.more.Allow(minuteOf{rec.ID, h.Now().Unix() / 60}) {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookupTime)
	defer cancel()
	target := *h.Settings.Upstream
	target.Path = h.settingsPath("account/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return false
	}
	x := &exchange{route: wire.Account, address: wire.ClientAddress(r.RemoteAddr, r.Header, h.Settings.TrustedProxies)}
	req.Host = h.Settings.PublicURL.Host
	req.Header = h.headers(x, http.Header{"Accept": {"application/json"}})
	req.Header.Set("Cookie", strings.Join(pairs(wire.KeycloakCookies(s.Header)), "; "))
	resp, err := h.transport().RoundTrip(req)
	if err == nil {
		err = resp.Body.Close()
	}
	if err != nil {
		h.Log.WarnContext(ctx, "keeping a held login's session alive", "error", err)
		return false
	}
	login, err := wire.ReadAnswer(resp.Header, h.Now())
	return err == nil && login.Live && login.Identity.Subject == rec.Account && login.Identity.Session == rec.Session
}

// pairs are the names and values of lines that set cookies, less those that
// remove one.
func pairs(set []string) []string {
	var out []string
	for _, line := range set {
		if pair, _, _ := strings.Cut(line, ";"); !strings.HasSuffix(pair, "=") {
			out = append(out, pair)
		}
	}
	return out
}
