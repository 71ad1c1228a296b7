package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxAttemptCookies is how many attempts one browser may have.
const maxAttemptCookies = 4

// holding is whose login is held, and for which flow.
type holding struct {
	login wire.Answer
	who   member.KVNR
	flow  flow.Name
}

// hold keeps an answer from the browser: status, headers and body are sealed
// into a new attempt, nothing of it leaves, the browser gets the next step.
func (h *handler) hold(ctx context.Context, x *exchange, resp *http.Response, of holding) error {
	secret, err := h.keep(ctx, x, resp, of)
	if err != nil {
		return h.notHeld(ctx, x, of, err)
	}
	h.Metrics.held()
	x.tabs.finish(x.tab)
	return &instead{func(w http.ResponseWriter, _ *http.Request) {
		h.giveAttempt(w.Header(), x, secret)
		h.writeTabs(w.Header(), x.tabs)
		seeOther(w, attemptPath(secret.ID(), ""))
	}}
}

// notHeld drops an answer that cannot be held. Where that will not change by
// trying again a session that nobody has proved anything in is ended.
func (h *handler) notHeld(ctx context.Context, x *exchange, of holding, cause error) error {
	id := of.login.Identity
	e := ending{Account: id.Subject, Session: id.Session, Client: x.client, Why: whyTooLarge}
	switch {
	case errors.Is(cause, flow.ErrTooManyAttempts):
		e.Why = whyTooMany
		cause = fault.New(fault.TooMany, "too_many_attempts", cause)
	case fault.KindOf(cause) == fault.TooLarge:
		cause = fault.New(fault.BadUpstream, "bad_upstream", cause)
	default:
		return h.answer(laterFault(cause))
	}
	if of.flow.OfSession() {
		return h.answer(cause)
	}
	return h.answer(errors.Join(cause, h.end(ctx, e)))
}

// keep stores the attempt.
func (h *handler) keep(ctx context.Context, x *exchange, resp *http.Response, of holding) (flow.Secret, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHeldBody+1))
	if err != nil {
		return flow.Secret{}, fault.New(fault.BadUpstream, "bad_upstream", fmt.Errorf("reading an answer: %w", err))
	}
	if len(body) > maxHeldBody {
		return flow.Secret{}, fault.New(fault.TooLarge, "too_large", errors.New("an answer too large to be held"))
	}
	lacks, err := h.lacksNumber(ctx, x, of.login.Identity)
	if err != nil {
		return flow.Secret{}, laterFault(err)
	}
	sealed, err := held{
		Unjudged: x.unjudged, Born: x.tab.Born, Tab: x.tab.Key, Status: resp.StatusCode, Header: resp.Header, At: h.Now(), Client: x.client, Kind: x.tab.Kind, NoNumber: lacks,
		Query: x.tab.Query, Follow: x.tab.follows() || x.tab.JKT != "" && of.flow == flow.Login, JKT: x.tab.JKT, Body: body,
	}.encode()
	if err != nil {
		return flow.Secret{}, err
	}
	parked, err := h.parked(ctx, x.cookies, of.who)
	if err != nil {
		return flow.Secret{}, err
	}
	record := flow.Record{Held: sealed, Attempt: flow.Attempt{
		Flow: of.flow, Client: x.client, Number: of.who, Parked: parked, Account: of.login.Identity.Subject, Session: of.login.Identity.Session,
		Address: wire.CountedBy(x.address), Language: h.Pages.Language(x.in),
	}}
	if err := h.fact(ctx, audit.Entry{Action: string(of.flow) + ".held", Client: x.client, Result: "ok", Person: record.Account}); err != nil {
		return flow.Secret{}, laterFault(err)
	}
	return h.Engine.Open(ctx, record)
}

// isDevice reports whether an answer ends the login of a device (RFC 8628),
// which has its tokens whether or not the browser gets its answer.
func isDevice(x *exchange, resp *http.Response) bool {
	return x.route == wire.DevicePage || strings.Contains(resp.Header.Get("Location"), "/device/status")
}

// giveAttempt sets the attempt's cookie, and takes the oldest away when the
// browser has too many. Browsers send the oldest first (RFC 6265 section 5.4).
func (h *handler) giveAttempt(header http.Header, x *exchange, secret flow.Secret) {
	var tags []string
	for _, c := range x.cookies.Own() {
		if isTag(c.Name) {
			tags = append(tags, c.Name)
		}
	}
	for len(tags) >= maxAttemptCookies {
		header.Add("Set-Cookie", attemptCookie(tags[0], "", -1))
		tags = tags[1:]
	}
	header.Add("Set-Cookie", attemptCookie(secret.ID().Tag(), secret.Encode(), 0))
}

// attemptCookie is a cookie for this host alone. Lax, because the browser
// comes back from a remote service by a link.
func attemptCookie(tag, value string, maxAge int) string {
	c := http.Cookie{
		Name: wire.OwnPrefix + tag, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	return c.String()
}

func isTag(name string) bool {
	return len(name) == 16 && strings.Trim(name, "0123456789abcdef") == ""
}
