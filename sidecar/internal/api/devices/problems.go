package devices

import (
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// Problems returns all that the API may answer (device/PROTOCOL.md section 8).
func Problems() []api.Problem {
	return append(api.Shared(),
		api.Problem{Name: "use_dpop_nonce", Status: http.StatusUnauthorized, Title: "The proof needs the nonce of this answer"},
		api.Problem{Name: "invalid_dpop_proof", Status: http.StatusUnauthorized, Title: "The proof is not one of this call, or was taken before"},
		api.Problem{Name: "device_unknown", Status: http.StatusUnauthorized, Title: "The key is not that of a phone in use"},
		api.Problem{Name: "token_invalid", Status: http.StatusUnauthorized, Title: "The access token does not register phones"},
		api.Problem{Name: "factors", Status: http.StatusForbidden, Title: "Not confirmed"},
		api.Problem{Name: "device_locked", Status: http.StatusForbidden, Title: "The phone is locked; unlock it after a new proof of the person"},
		api.Problem{Name: "pin_locked", Status: http.StatusForbidden, Title: "Set a new PIN with the device password"},
		api.Problem{Name: "app_locked", Status: http.StatusForbidden, Title: "Open the app by PIN or biometry"},
		api.Problem{Name: "enrolment_required", Status: http.StatusForbidden, Title: "No fresh proof of the person in this session"},
		api.Problem{Name: "card", Status: http.StatusForbidden, Title: "The health card alone does not suffice"},
		api.Problem{Name: "not_identified", Status: http.StatusForbidden, Title: "The person is not identified, or the session is over"},
		api.Problem{Name: "match_code", Status: http.StatusForbidden, Title: "The match code is wrong"},
		api.Problem{Name: "cooling", Status: http.StatusForbidden, Title: "The phone is too new for this; until says from when"},
		api.Problem{Name: "ticket", Status: http.StatusGone, Title: "The ticket is over or not of this call"},
		api.Problem{Name: "request_over", Status: http.StatusGone, Title: "The request is over; state says how"},
		api.Problem{Name: "other_request", Status: http.StatusConflict, Title: "The answer is not about the request as this phone was given it"},
		api.Problem{Name: "device_limit", Status: http.StatusConflict, Title: "As many phones as one person may have"},
		api.Problem{Name: "key_in_use", Status: http.StatusConflict, Title: "The key was used before"},
		api.Problem{Name: "seal_key", Status: http.StatusConflict, Title: "The sealed secret does not open; read the key again"},
		api.Problem{Name: "stale_order", Status: http.StatusConflict, Title: "The order was used, or its nonce is old; make it anew"},
		api.Problem{Name: "not_asked", Status: http.StatusConflict, Title: "No new login password is due"},
		api.Problem{Name: "password_weak", Status: http.StatusUnprocessableEntity, Title: "The device password is too short or too simple"},
		api.Problem{Name: "pin_weak", Status: http.StatusUnprocessableEntity, Title: "The PIN is not of the form demanded, or too simple"},
		api.Problem{Name: "password_refused", Status: http.StatusUnprocessableEntity, Title: "The realm refuses the login password"},
	)
}

// meaning is how an answer of the domain is told.
type meaning struct {
	err  error
	kind fault.Kind
	name string
}

func meanings() []meaning {
	return []meaning{
		{device.ErrFactors, fault.Forbidden, "factors"},
		{device.ErrLocked, fault.Forbidden, "device_locked"},
		{device.ErrBlocked, fault.Unauthenticated, "device_unknown"},
		{device.ErrPINLocked, fault.Forbidden, "pin_locked"},
		{device.ErrNoPermit, fault.Forbidden, "enrolment_required"},
		{device.ErrByCard, fault.Forbidden, "card"},
		{device.ErrNotCleared, fault.Forbidden, "not_identified"},
		{device.ErrTicket, fault.Gone, "ticket"},
		{device.ErrTooMany, fault.Conflict, "device_limit"},
		{device.ErrKeyUsed, fault.Conflict, "key_in_use"},
		{device.ErrSealed, fault.Conflict, "seal_key"},
		{device.ErrNotAsked, fault.Conflict, "not_asked"},
		{device.ErrClosed, fault.Forbidden, "app_locked"},
		{device.ErrNoDevice, fault.NotFound, "not_found"},
		{device.ErrMessage, fault.Invalid, "malformed"},
		{device.ErrName, fault.Invalid, "malformed"},
		{device.ErrPush, fault.Invalid, "malformed"},
	}
}

// told turns an answer of the domain into the API's.
func told(err error) error {
	if err == nil {
		return nil
	}
	var refusal *api.Refusal
	if errors.As(err, &refusal) {
		return err
	}
	var over *approval.Over
	var cooling *approval.Cooling
	var young *device.CoolingError
	var many *device.TooManyError
	var refused *account.PasswordError
	var weak *device.WeakError
	switch {
	case errors.As(err, &weak):
		return tooWeak("password_weak", "/new_password", weak)
	case errors.As(err, &over):
		return overBy(over, err)
	case errors.As(err, &cooling):
		return tooNew(cooling.Until, err)
	case errors.As(err, &young):
		return tooNew(young.Until, err)
	case errors.As(err, &many):
		return overLimit(many)
	case errors.As(err, &refused):
		return api.Refuse(fault.Invalid, "password_refused", err, api.Detail{Pointer: "/login_password", Detail: refused.Key})
	}
	for _, m := range meanings() {
		if errors.Is(err, m.err) {
			return api.Refuse(m.kind, m.name, err)
		}
	}
	return err
}

func tooWeak(name, pointer string, weak *device.WeakError) error {
	return api.Refuse(fault.Invalid, name, weak, api.Detail{Pointer: pointer, Detail: string(weak.Rule)})
}

// overLimit names the phones of which one could be replaced.
func overLimit(many *device.TooManyError) error {
	refusal := api.Refuse(fault.Conflict, "device_limit", many)
	refusal.Members = map[string]any{"devices": rivals(many.Phones)}
	return refusal
}

func tooNew(until time.Time, cause error) error {
	refusal := api.Refuse(fault.Forbidden, "cooling", cause)
	refusal.Members = map[string]any{"until": stamp(until)}
	return refusal
}

func overBy(over *approval.Over, cause error) error {
	refusal := api.Refuse(fault.Gone, "request_over", cause)
	refusal.Members = map[string]any{"state": over.State.String()}
	if over.Reason != "" {
		refusal.Members["reason"] = over.Reason
	}
	return refusal
}

// stamp writes a time as bodies have it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
