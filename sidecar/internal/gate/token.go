package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// adminCLI is a client that every realm has, with direct grants.
const adminCLI = "admin-cli"

// tokenExchange is what is known of a token request before Keycloak answers.
type tokenExchange struct {
	wire.TokenRequest
	account account.ID  // of the code's or the session's record; "" = not known beforehand
	session account.SID // of the code's record
}

// token is the token rule before Keycloak: which grants pass, whether the
// code may be redeemed, and whether the person can be looked up.
func (h *handler) token(w http.ResponseWriter, r *http.Request, x *exchange) error {
	h.clientsCall(w, r, x, h.tokenRequest)
	return nil
}

func (h *handler) tokenRequest(ctx context.Context, x *exchange, header http.Header, body []byte) error {
	req, err := wire.ReadTokenRequest(header, body)
	if err != nil {
		return oauthFailure("invalid_request", err)
	}
	x.token, x.client, x.body = &tokenExchange{TokenRequest: req}, req.Client, []byte(req.Params.Encode())
	if !h.grantPasses(req) && !h.observed(ctx, "grant") {
		return oauthFailure("unsupported_grant_type", errors.New("the grant is closed"))
	}
	if req.Grant == wire.GrantClient {
		return nil
	}
	if err := h.personOfToken(ctx, x.token); err != nil {
		return err
	}
	if err := h.canBeLookedUp(ctx, x.token); err != nil || x.token.account == "" {
		return err
	}
	return h.tokensWantStepup(ctx, x.client, x.token.account, cmp.Or(x.token.session, x.token.Session))
}

// grantPasses is the allow-list: code, refresh and client credentials, and
// what was opened and given to this client. The password grant and Keycloak's
// own command-line client never pass.
func (h *handler) grantPasses(req wire.TokenRequest) bool {
	word, known := req.Grant.Opens()
	switch {
	case !known || req.Client == adminCLI:
		return false
	case word == "":
		return true
	}
	given := h.Settings.Grants[req.Client]
	return h.surface.IsOpen(word) && (slices.Contains(given, string(word)) || slices.Contains(given, string(req.Grant)))
}

// personOfToken finds out whose tokens are asked for, by what was recorded
// when the code or the first token left. A code that was not recorded never
// left through the gate; one that left a minute ago is not good any more.
func (h *handler) personOfToken(ctx context.Context, t *tokenExchange) error {
	if t.Grant == wire.GrantCode {
		return h.redeemable(ctx, t)
	}
	if t.Session == "" {
		return nil
	}
	login, err := h.Logins.Login(ctx, t.Session)
	switch {
	case errors.Is(err, ErrNoRecord):
		return nil
	case err != nil:
		return laterFault(err)
	}
	t.account = login.Account
	return nil
}

func (h *handler) redeemable(ctx context.Context, t *tokenExchange) error {
	code, err := h.Codes.Code(ctx, HashOf(t.Code))
	switch {
	case errors.Is(err, ErrNoRecord):
		if h.observed(ctx, "code") {
			return nil
		}
		return invalidGrant(errors.New("the code never left the gate"))
	case err != nil:
		return laterFault(err)
	case h.Now().Sub(code.Left) > codeAge && !h.observed(ctx, "code"):
		return invalidGrant(errors.New("the code left more than a minute ago"))
	}
	t.account, t.session = code.Account, code.Session
	return nil
}

// canBeLookedUp sees to it that tokens are made only for somebody who can be
// looked up: once they are made, the code or the refresh token is used up. At
// the redemption of a code the answer is read fresh.
func (h *handler) canBeLookedUp(ctx context.Context, t *tokenExchange) error {
	var can bool
	switch {
	case t.account == "":
		can = h.clear.reachable(ctx)
	case t.Grant == wire.GrantCode:
		can = decide(atToken, h.clear.fresh(ctx, t.account)) != later
	default:
		can = decide(atToken, h.clear.recent(ctx, t.account)) != later
	}
	if !can && !h.observed(ctx, "token_unknown") {
		return laterFault(errors.New("the person's clearance is unknown"))
	}
	return nil
}

// tokenAnswer is the token rule after Keycloak: tokens of a person who is not
// cleared are not passed on, and their session is ended.
func (h *handler) tokenAnswer(ctx context.Context, x *exchange, resp *http.Response) error {
	if x.token.Grant == wire.GrantClient || resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := takeBody(resp, wire.MaxTokenAnswer)
	if err != nil {
		return h.noTokens(x, resp, fault.New(fault.BadUpstream, "bad_upstream", err))
	}
	answer, err := wire.ReadTokenAnswer(body)
	if err != nil {
		h.alarm(ctx, "unreadable_tokens", x)
		return h.discard(ctx, x, resp, answer, err)
	}
	person, cause := h.ownerOf(ctx, x.token, answer)
	if cause != nil && fault.KindOf(cause) == fault.Unavailable {
		return h.noTokens(x, resp, cause)
	}
	if cause != nil {
		return h.discard(ctx, x, resp, answer, cause)
	}
	answer.Subject = person
	clearance := h.clear.recent(ctx, person)
	h.Metrics.tokens(x.token.Grant, clearance)
	switch decide(atToken, clearance) {
	case forward:
		return h.tokensLeave(ctx, x, resp, answer)
	case later:
		if h.observed(ctx, "token_unknown") {
			return h.tokensLeave(ctx, x, resp, answer)
		}
		return h.noTokens(x, resp, laterFault(errors.New("the person's clearance is unknown")))
	default:
		return h.discard(ctx, x, resp, answer, errors.New("the person is not cleared"))
	}
}

// ownerOf tells whose the tokens are: by the record of their session, else by
// their subject. Records and tokens that differ are nobody's.
func (h *handler) ownerOf(ctx context.Context, t *tokenExchange, answer wire.TokenAnswer) (account.ID, error) {
	owner := answer.Subject
	claim := func(id account.ID) bool {
		if owner == "" {
			owner = id
		}
		return id == "" || id == owner
	}
	if t.session != "" && answer.Session != "" && t.session != answer.Session {
		return "", errors.New("tokens of another session than the code's")
	}
	if !claim(t.account) {
		return "", errors.New("tokens of another person than the request's")
	}
	if answer.Session != "" {
		login, err := h.Logins.Login(ctx, answer.Session)
		if err != nil && !errors.Is(err, ErrNoRecord) {
			return "", laterFault(err)
		}
		if !claim(login.Account) {
			return "", errors.New("tokens of another person than their session's")
		}
	}
	if owner == "" {
		return "", errors.New("tokens of nobody")
	}
	return owner, nil
}

func (h *handler) tokensLeave(ctx context.Context, x *exchange, resp *http.Response, answer wire.TokenAnswer) error {
	if err := h.tokensWantStepup(ctx, x.client, answer.Subject, answer.Session); err != nil {
		return h.noTokens(x, resp, err)
	}
	if answer.Session == "" {
		return nil
	}
	if err := h.recordLogin(ctx, answer.Subject, answer.Session); err != nil && !h.Settings.Observe {
		return h.noTokens(x, resp, laterFault(err))
	}
	return nil
}

// discard drops tokens and ends their session, offline form included.
func (h *handler) discard(ctx context.Context, x *exchange, resp *http.Response, answer wire.TokenAnswer, cause error) error {
	if h.observed(ctx, "token") {
		return nil
	}
	sid := answer.Session
	if sid == "" {
		sid = x.token.session
	}
	if err := h.end(ctx, ending{Account: answer.Subject, Session: sid, Client: x.client, Why: whyNotCleared}); err != nil {
		cause = fmt.Errorf("%w; %w", cause, err)
	}
	entry := audit.Entry{Action: "token.refused", Client: x.client, Result: "refused", Person: answer.Subject}
	if err := h.fact(ctx, entry); err != nil {
		cause = fmt.Errorf("%w; %w", cause, err)
	}
	return h.noTokens(x, resp, invalidGrant(cause))
}

// noTokens answers in the place of Keycloak, with its CORS headers, so that a
// script can read the error.
func (h *handler) noTokens(x *exchange, resp *http.Response, cause error) error {
	from := resp.Header.Clone()
	h.Metrics.refused(x.route, cause)
	return &instead{func(w http.ResponseWriter, r *http.Request) { h.oauthError(w, r, from, cause) }}
}
