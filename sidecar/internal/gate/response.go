package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// respond is the response rule, on every answer of Keycloak whatever its
// path, method and status: one that sets a live identity cookie is a login,
// and the cookie in the answer says whose. An error replaces the answer; then
// nothing of it leaves.
func (h *handler) respond(resp *http.Response) error {
	x := exchangeOf(resp.Request.Context())
	ctx := resp.Request.Context()
	wire.DropHopByHop(resp.Header)
	wire.DropSetCookies(resp.Header, h.Now())
	switch x.route {
	case wire.Token:
		resp.Header.Del("Set-Cookie") // no client of these needs one, and nobody looks whose it is
		return h.tokenAnswer(ctx, x, resp)
	case wire.PAR:
		resp.Header.Del("Set-Cookie")
		return h.pushedAnswer(x, resp)
	}
	login, err := wire.ReadAnswer(resp.Header, h.Now())
	if err != nil {
		return h.unreadable(ctx, x, login, err)
	}
	if err := h.readPage(x, resp); err != nil {
		return h.unreadable(ctx, x, login, err)
	}
	if x.acting {
		if err := h.checkAction(ctx, x, resp); err != nil {
			return err
		}
	}
	if err := h.acted(ctx, x, resp, login); err != nil {
		return err
	}
	if login.Live {
		return h.login(ctx, x, resp, login)
	}
	return h.noLogin(ctx, x, resp, login)
}

// unreadable refuses an answer whose person cannot be told, and ends every
// session that it names.
func (h *handler) unreadable(ctx context.Context, x *exchange, login wire.Answer, cause error) error {
	h.alarm(ctx, "unreadable_answer", x)
	for _, sid := range login.Sessions {
		if err := h.end(ctx, ending{Session: sid, Client: x.client, Why: whyUnreadable}); err != nil {
			cause = errors.Join(cause, err)
		}
	}
	return h.answer(fault.New(fault.BadUpstream, "bad_upstream", fmt.Errorf("%w: %w", errAnswer, cause)))
}

// login decides about an answer that creates or renews a login.
func (h *handler) login(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	person := h.clear.recent(ctx, login.Identity.Subject)
	h.Metrics.login(x.route, person)
	verdict := decide(atResponse, person)
	who, refusal, err := h.rightLogin(ctx, x, login, person)
	if h.Settings.Observe {
		return h.observeLogin(ctx, x, resp, login, verdict == forward && refusal == "")
	}
	if err != nil {
		verdict, x.unjudged = keep, x.route != wire.Auth
	}
	switch {
	case refusal != "":
		return h.wrongPerson(ctx, x, login, refusal)
	case verdict == forward:
		return h.passes(ctx, x, resp, login)
	case x.silent && verdict == keep:
		return h.answer(laterFault(err))
	case x.silent:
		return h.repeatUnknown(x)
	case verdict == hold && isDevice(x, resp):
		return h.wrongPerson(ctx, x, login, whyDevice)
	default:
		return h.hold(ctx, x, resp, holding{login, who, flow.Login})
	}
}

// passes lets a login out, unless it is to be held for an enrolment or the
// step-up.
func (h *handler) passes(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	switch {
	case h.clear.recent(ctx, login.Identity.Subject) != account.Cleared:
		return h.letOut(ctx, x, resp, login)
	case h.enrols(x):
		return h.enrol(ctx, x, resp, login)
	}
	return h.stepUp(ctx, x, resp, login)
}

// rightLogin is whose login it is, and why it must not be: the wrong person's,
// or one that began too early.
func (h *handler) rightLogin(ctx context.Context, x *exchange, login wire.Answer, person account.Clearance) (who member.KVNR, refusal string, err error) {
	who, refusal, err = h.rightPerson(ctx, x, login, person)
	if refusal == "" && err == nil {
		refusal, err = h.lateLogin(ctx, x, login.Identity, who)
	}
	return who, refusal, err
}

// observeLogin lets a login out and reports whether it should have left. What
// concerns a session, an enrolment or the step-up, is not only observed; of
// somebody unknown it cannot be told.
func (h *handler) observeLogin(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer, right bool) error {
	if !right {
		h.observed(ctx, "response")
	}
	if h.clear.recent(ctx, login.Identity.Subject) == account.Unknown && h.wantsStepup(x.client) {
		return h.answer(laterFault(errors.New("the person's clearance is unknown")))
	}
	return h.passes(ctx, x, resp, login)
}

// letOut records what leaves with the login of somebody who may pass.
func (h *handler) letOut(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	if !h.people.Allow(login.Identity.Subject) && !h.observed(ctx, "people") {
		return h.answer(tooMany())
	}
	if h.actionFollows(x) {
		return h.follow(ctx, x, resp.Header, login.Identity)
	}
	renewed, err := h.renews(ctx, x, login.Identity)
	if err == nil {
		err = h.recordCodes(ctx, resp.Header, x.page, login.Identity)
	}
	if err != nil {
		if errors.Is(err, wire.ErrEncrypted) {
			return h.answer(fault.New(fault.BadUpstream, "bad_upstream", err))
		}
		return h.answer(laterFault(err))
	}
	if !renewed {
		if err := h.passed(ctx, x, login.Identity); err != nil {
			return h.answer(laterFault(err))
		}
	}
	if x.known {
		x.tabs.finish(x.tab)
	}
	return h.bindTab(ctx, x, resp)
}

// noLogin decides about every other answer.
func (h *handler) noLogin(ctx context.Context, x *exchange, resp *http.Response, login wire.Answer) error {
	if leak := wire.FindLeak(h.origin, resp.Header, x.page); leak != wire.NoLeak {
		h.alarm(ctx, "leak_"+leak.String(), x)
		if !h.observed(ctx, "belt") {
			return h.answer(fault.New(fault.BadUpstream, "bad_upstream", errAnswer))
		}
	}
	if x.failed {
		return h.onlyError(ctx, x, resp)
	}
	if x.sent && !h.Settings.Observe {
		if err := h.disowned(ctx, x, resp, login); err != nil {
			return err
		}
	}
	if namesOther(x, resp) && !h.observed(ctx, "other_name") {
		return h.signedInAsOther(x)
	}
	return h.bindTab(ctx, x, resp)
}

// readPage takes an HTML page of Keycloak into memory, for the belt and for
// the tab it belongs to.
func (h *handler) readPage(x *exchange, resp *http.Response) error {
	if !x.route.HasPages() || resp.Body == nil || x.in.Method == http.MethodHead {
		return nil
	}
	if !isPage(resp.Header) {
		return nil
	}
	var err error
	x.page, err = takeBody(resp, wire.MaxPage)
	return err
}

// isPage reports whether a browser may take the body for HTML.
func isPage(header http.Header) bool {
	written := header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(written)
	return written == "" || err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// takeBody reads a body whole and puts it back.
func takeBody(resp *http.Response, limit int) ([]byte, error) {
	if resp.Header.Get("Content-Encoding") != "" {
		return nil, errors.New("an encoded body where none was asked for")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	if len(body) > limit {
		return nil, wire.ErrTooLong
	}
	if err := resp.Body.Close(); err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	giveBody(resp, body)
	return body, nil
}

func giveBody(resp *http.Response, body []byte) {
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// repeatUnknown answers a silent request as if nobody were signed in: Keycloak
// says login_required itself, in the client's response mode.
func (h *handler) repeatUnknown(x *exchange) error {
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		again := *x
		again.sent, again.page = false, nil
		again.cookies.WithholdIdentity()
		h.forward(w, r, &again)
	}}
}

// recordCodes makes each code of an answer durable before it leaves.
func (h *handler) recordCodes(ctx context.Context, header http.Header, page []byte, id wire.Identity) error {
	codes, err := wire.ReadCodes(h.origin, header, page)
	if err != nil {
		return fmt.Errorf("reading codes: %w", err)
	}
	now := h.Now()
	for _, c := range codes {
		record := Code{Account: id.Subject, Session: id.Session, Left: now, Expires: now.Add(h.Settings.codeLifetime() + codeGrace)}
		if err := h.Codes.RecordCode(ctx, HashOf(c.Value), record); err != nil {
			return fmt.Errorf("recording a code: %w", err)
		}
	}
	return h.recordLogin(ctx, id.Subject, id.Session)
}

func (h *handler) recordLogin(ctx context.Context, id account.ID, sid account.SID) error {
	now := h.Now()
	l := Login{Session: sid, Account: id, Seen: now, Expires: now.Add(h.Settings.loginLifetime())}
	if err := h.Logins.RecordLogin(ctx, l); err != nil {
		return fmt.Errorf("recording a login: %w", err)
	}
	return nil
}
