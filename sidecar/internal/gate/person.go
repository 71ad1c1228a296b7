package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Why a session is ended: the audit's reason, and what an attempt is void for.
const (
	whyOtherAccount = "other_account"     // not the account of the number that was typed
	whySignedIn     = "signed_in"         // the renewed login of somebody else; the session lives on
	whyNoNumber     = "no_number"         // a new login for which no number was typed
	whyNotStaff     = "not_staff"         // through the entry for staff, by somebody else
	whyDevice       = "device"            // a device's login by somebody who is not cleared
	whyUnreadable   = "unreadable"        // an answer whose person cannot be told
	whyTooLarge     = "too_large"         // an answer too large to be held
	whyTooMany      = "too_many_attempts" // more than one address may have
	whyNotCleared   = "not_cleared"       // somebody whose clearance was withdrawn meanwhile
	whyRefused      = "refused"           // by the flow
	whyEnded        = "ended"             // the session had ended already
	whyOvertaken    = "overtaken"         // by an authentication that is older than the account's clearing or new password
)

// refusalFault is what the person is told.
func refusalFault(why string) error {
	switch why {
	case whyOtherAccount:
		return fault.New(fault.Forbidden, "other_person", nil)
	case whyNotStaff:
		return fault.New(fault.Forbidden, "forbidden", nil)
	case whyDevice:
		return fault.New(fault.Forbidden, "not_possible", nil)
	default:
		return attemptGone(errors.New(why))
	}
}

// isRefusal reports whether an attempt's DenyKey is one of the gate's reasons.
func isRefusal(key string) bool {
	switch key {
	case whyOtherAccount, whyNoNumber, whyNotStaff, whyDevice, whyUnreadable, whyTooLarge, whyTooMany,
		whyNotCleared, whyEnded, whyOvertaken, keyEnrolmentOver, keyStepupOver:
		return true
	default:
		return false
	}
}

// rightPerson is the person rule: the account that signed in, by whatever
// means, must be the one of the number that was typed for this tab. refusal
// says why it is not; an error means that it could not be found out.
func (h *handler) rightPerson(ctx context.Context, x *exchange, login wire.Answer, person account.Clearance) (who member.KVNR, refusal string, err error) {
	if x.known && x.tab.Kind == staff && person != account.Exempt && person != account.Unknown {
		return "", whyNotStaff, nil
	}
	acc, err := h.Accounts.Get(ctx, login.Identity.Subject)
	if err != nil {
		return x.tab.Number, "", fmt.Errorf("looking up who signed in: %w", err)
	}
	if x.known && x.tab.Number != "" && !acc.Is(x.tab.Number) {
		refusal, err = h.otherAccount(ctx, x, login.Identity)
		return "", refusal, err
	}
	if !x.known && h.numbered(x) && person != account.Exempt {
		refusal, err = h.withoutNumber(ctx, x, login.Identity, person)
	}
	return numberOf(acc), refusal, err
}

// otherAccount refuses the login of another account than the number's. One
// that merely renews itself was in this browser before, rightly, and goes on.
func (h *handler) otherAccount(ctx context.Context, x *exchange, id wire.Identity) (refusal string, err error) {
	renewed, err := h.renews(ctx, x, id)
	if err != nil {
		return "", err
	}
	if renewed {
		return whySignedIn, nil
	}
	return whyOtherAccount, nil
}

// withoutNumber refuses a new login for which a number should have been typed.
// Somebody unknown is perhaps staff, who type none: their answer is kept, and
// knows that it lacks one.
func (h *handler) withoutNumber(ctx context.Context, x *exchange, id wire.Identity, person account.Clearance) (refusal string, err error) {
	if person == account.Unknown {
		return "", nil
	}
	lacks, err := h.lacksNumber(ctx, x, id)
	if err != nil || !lacks {
		return "", err
	}
	return whyNoNumber, nil
}

// lacksNumber reports whether an answer is a new login for which a number
// should have been typed, and none is known.
func (h *handler) lacksNumber(ctx context.Context, x *exchange, id wire.Identity) (bool, error) {
	if x.known || !h.numbered(x) {
		return false, nil
	}
	renewed, err := h.renews(ctx, x, id)
	return !renewed, err
}

// renews reports whether an answer renews a login that has passed the gate
// before. That the browser names the session is not enough: whoever signs in
// knows which one it will be before it is, and one that has ended comes back
// under its id where a page of Keycloak's still waited when it was signed out.
func (h *handler) renews(ctx context.Context, x *exchange, id wire.Identity) (bool, error) {
	named := id.Session == x.hint.Session
	if !named && !h.stepsUp() { // then nothing hangs on what is recorded
		return false, nil
	}
	if x.renewal == unasked {
		recorded, err := h.recorded(ctx, x, id)
		if err != nil {
			return false, err
		}
		x.renewal = anew
		if recorded && named {
			x.renewal = renewal
		}
	}
	return x.renewal == renewal, nil
}

// clocks is how far Keycloak's clock may be ahead of ours.
const clocks = 2 * time.Second

// recorded reports whether the session of an answer is one that has passed the
// gate before. Of one that has ended the record goes, and with it the step-up:
// only at the auth endpoint has Keycloak just seen that it lives.
func (h *handler) recorded(ctx context.Context, x *exchange, id wire.Identity) (bool, error) {
	login, err := h.Logins.Login(ctx, id.Session)
	switch {
	case errors.Is(err, ErrNoRecord):
		return false, nil
	case err != nil:
		return false, err
	case login.Account != id.Subject:
		return false, nil
	case x.route == wire.Auth && id.Session == x.hint.Session, h.Settings.Observe && !h.stepsUp():
		return true, nil
	}
	began, err := h.Accounts.Began(ctx, id.Subject, id.Session)
	switch {
	case err != nil:
		return false, fmt.Errorf("asking when a session began: %w", err)
	case began.IsZero() || began.After(login.First.Add(clocks)):
		return false, h.Logins.ForgetLogin(ctx, id.Session)
	}
	return true, nil
}

// numberOf returns the insurance number of an account, "" for others'. Whether
// its check digit is right was for the number page to say.
func numberOf(a account.Account) member.KVNR {
	number, err := member.ParseKVNR(a.Username, false)
	if err != nil || !a.Is(number) {
		return ""
	}
	return number
}

// wrongPerson ends a login that must not be, and says so without saying whose
// it was. Of one that goes on elsewhere in this browser nothing leaves.
func (h *handler) wrongPerson(ctx context.Context, x *exchange, login wire.Answer, why string) error {
	switch {
	case why == whySignedIn:
		return h.signedInAsOther(x)
	case why == whyNoNumber && x.route == wire.Auth && login.Identity.Session == x.hint.Session:
		return h.startOver(x) // a login of which our records know nothing (any more): its number is asked for
	}
	e := ending{Account: login.Identity.Subject, Session: login.Identity.Session, Client: x.client, Why: why}
	if err := h.end(ctx, e); err != nil {
		return h.answer(laterFault(err))
	}
	entry := audit.Entry{Action: "login.failed", Client: x.client, Result: "refused", Person: e.Account, Detail: map[string]string{"reason": why}}
	if err := h.fact(ctx, entry); err != nil {
		return h.answer(laterFault(err))
	}
	if x.known {
		x.tabs.finish(x.tab)
	}
	return &instead{func(w http.ResponseWriter, r *http.Request) {
		h.writeTabs(w.Header(), x.tabs)
		h.Pages.Error(w, r, refusalFault(why), h.startLink(x.client)...)
	}}
}

// passed writes that somebody who is cleared or exempt signed in.
func (h *handler) passed(ctx context.Context, x *exchange, id wire.Identity) error {
	return h.fact(ctx, audit.Entry{Action: "login.passed", Client: x.client, Result: "ok", Person: id.Subject})
}
