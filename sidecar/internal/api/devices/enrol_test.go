package devices_test

import (
	"net/http"
	"testing"
	"time"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
)

const (
	erika = approvaltest.Erika
	maxim = account.ID("max-1")
)

func TestWhoMayRegister(t *testing.T) {
	register := func(w *world, p *phones.Phone, token string) error {
		_, err := p.Enrol(t.Context(), token, "Telefon", "ios", password)
		return err
	}
	tests := []struct {
		name, want string
		do         func(w *world, p *phones.Phone, sid account.SID) error
	}{
		{"nobody without a proof", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with another session's proof", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, w.Realm.SignIn(erika))
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with a proof for another key", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(w.blank(), sid)
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with another client's proof", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.give(p, erika, approvaltest.Number, sid, func(g *device.Permit) { g.Client = "other" })
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with another person's proof", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.give(p, maxim, "B123456782", sid)
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"no client but those that may", "token_invalid", func(w *world, p *phones.Phone, sid account.SID) error {
			w.give(p, erika, approvaltest.Number, sid, func(g *device.Permit) { g.Client = "webcenter" })
			return register(w, p, w.token(erika, sid, map[string]any{"azp": "webcenter"}))
		}},
		{"not after 15 minutes", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			w.Pass(device.PermitLife)
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not twice", "enrolment_required", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			w.ok(register(w, p, w.token(erika, sid, nil)))
			return register(w, w.blank(), w.token(erika, sid, nil))
		}},
		{"not who is not identified", "not_identified", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			w.ok(w.Realm.Withdraw(t.Context(), erika))
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not in a session that is over", "not_identified", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			w.ok(w.Realm.End(t.Context(), sid))
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with a key that is registered", "key_in_use", func(w *world, _ *phones.Phone, sid account.SID) error {
			p := w.fresh(erika, approvaltest.Number)
			w.permit(p, sid)
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"no more phones than the limit", "device_limit", func(w *world, p *phones.Phone, sid account.SID) error {
			w.service.Settings.Limit = 1 // there is one already
			w.permit(p, sid)
			return register(w, p, w.token(erika, sid, nil))
		}},
		{"not with a weak password", "password_weak", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			_, err := p.Enrol(t.Context(), w.token(erika, sid, nil), "Telefon", "ios", "kurz")
			return err
		}},
		{"not without a name", "malformed", func(w *world, p *phones.Phone, sid account.SID) error {
			w.permit(p, sid)
			_, err := p.Enrol(t.Context(), w.token(erika, sid, nil), "", "ios", password)
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			before, err := w.Phones.Of(t.Context(), erika)
			w.ok(err)
			err = tt.do(w, w.blank(), w.Realm.SignIn(erika))
			w.refused(err, tt.want)
			after, err := w.Phones.Of(t.Context(), erika)
			w.ok(err)
			if n := len(after) - len(before); n > 1 || n == 1 && tt.want != "enrolment_required" && tt.want != "key_in_use" {
				t.Errorf("%d phones more than before", n)
			}
		})
	}
}

func TestAPhoneIsReplaced(t *testing.T) {
	w := newWorld(t)
	old := w.enrolled()
	w.service.Settings.Limit = 2 // there was one before
	sid := w.Realm.SignIn(erika)
	token, p := w.token(erika, sid, nil), w.blank()
	w.permit(p, sid)
	_, err := p.Begin(t.Context(), token)
	w.refused(err, "device_limit")
	var limit *phones.Problem
	if !asProblem(err, &limit) || len(limit.Devices) != 2 || limit.Devices[0].ID != old.ID || limit.Devices[0].Name != "Telefon" || limit.Devices[0].State != "active" {
		t.Errorf("to choose from: %+v", limit)
	}
	if ticket, err := p.BeginFor(t.Context(), token, old.ID); err != nil || len(ticket.Devices) != 2 || ticket.Devices[0].LastUsedAt == "" {
		t.Errorf("%+v, %v", ticket.Devices, err)
	}
	said := phones.Owned{Name: "Neues", Platform: "ios", Password: password}
	for _, id := range []string{"x", string(device.NewID())} {
		_, err = p.Replace(t.Context(), token, id, said)
		w.refused(err, "not_found")
	}
	self, err := p.Replace(t.Context(), token, old.ID, said)
	if err != nil || self.State != "active" {
		t.Fatalf("%+v, %v", self, err)
	}
	_, err = old.Self(t.Context())
	w.refused(err, "device_unknown")
	w.ok(p.SetPIN(t.Context(), password, pin))
	w.open(p)
	all, err := p.Devices(t.Context())
	w.ok(err)
	if len(all) != 3 || all[0].ID != self.ID || all[1].State != "blocked" || all[2].State != "active" {
		t.Errorf("%+v", all)
	}
	if kinds := w.told(); kinds != "phone_added phone_replaced" {
		t.Errorf("told %q", kinds)
	}
}

func TestTokensThatRegisterNoPhone(t *testing.T) {
	w := newWorld(t)
	sid := w.Realm.SignIn(erika)
	p := w.blank()
	w.permit(p, sid)
	for name, changes := range map[string]map[string]any{
		"for another audience":          {"aud": "account"},
		"of another issuer":             {"iss": "https://evil.example"},
		"expired":                       {"exp": w.Clock().Add(-time.Minute).Unix()},
		"without a session":             {"sid": nil},
		"an ID token":                   {"typ": "ID"},
		"bound to another key":          {"typ": "DPoP", "cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
		"bound by another kind of bond": {"cnf": map[string]any{"x5t#S256": "abc"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Begin(t.Context(), w.token(erika, sid, changes))
			w.refused(err, "token_invalid")
		})
	}
	good := w.token(erika, sid, nil)
	for name, change := range map[string]func(*phones.Proof){
		"no ath":              func(f *phones.Proof) { delete(f.Claims, "ath") },
		"ath of another":      func(f *phones.Proof) { f.Claims["ath"] = phones.Digest("another") },
		"ath of another type": func(f *phones.Proof) { f.Claims["ath"] = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			forged(p, change)
			defer forged(p, nil)
			_, err := p.Begin(t.Context(), good)
			if !phones.Is(err, "token_invalid") && !phones.Is(err, "invalid_dpop_proof") {
				t.Errorf("err = %v", err)
			}
		})
	}
	w.refused(p.Do(t.Context(), phones.Call{Method: http.MethodPost, Path: "/enrolments", Body: struct{}{}}), "token_invalid")
	bound := w.token(erika, sid, map[string]any{"typ": "DPoP", "cnf": map[string]any{"jkt": p.Key.Public().Thumbprint()}})
	if _, err := p.Begin(t.Context(), bound); err != nil {
		t.Errorf("bound to this key: %v", err)
	}
}

func TestATicketServesItsSessionClientAndKey(t *testing.T) {
	w := newWorld(t)
	sid := w.Realm.SignIn(erika)
	token := w.token(erika, sid, nil)
	p, q := w.blank(), w.blank()
	w.permit(p, sid)
	ticket, err := p.Begin(t.Context(), token)
	w.ok(err)
	body, err := p.Register(ticket, "Telefon", "ios", password)
	w.ok(err)

	_, err = q.Finish(t.Context(), token, body)
	w.refused(err, "factors")
	q.ID = ticket.DeviceID
	own, err := q.Register(ticket, "Telefon", "ios", password)
	w.ok(err)
	_, err = q.Finish(t.Context(), token, own)
	w.refused(err, "ticket")

	other := w.Realm.SignIn(erika)
	w.permit(p, other)
	_, err = p.Finish(t.Context(), w.token(erika, other, nil), body)
	w.refused(err, "ticket")

	swapped := body
	swapped.Registration = body.Registration[:len(body.Registration)-4] + "AAAA"
	_, err = p.Finish(t.Context(), token, swapped)
	if !phones.Is(err, "factors") && !phones.Is(err, "malformed") {
		t.Errorf("a registration with another signature: %v", err)
	}
	again, err := p.Register(ticket, "Telefon", "ios", password)
	w.ok(err)
	swapped.Registration, swapped.NewPassword = body.Registration, again.NewPassword
	_, err = p.Finish(t.Context(), token, swapped)
	w.refused(err, "seal_key")

	self, err := p.Finish(t.Context(), token, body)
	if err != nil || self.ID != ticket.DeviceID || self.State != "active" || self.CoolUntil == "" {
		t.Errorf("registered %+v, %v", self, err)
	}
	_, err = p.Finish(t.Context(), token, body)
	w.refused(err, "enrolment_required")
}

func TestALockedPhoneIsUnlockedByAProofAlone(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	for range 5 {
		_, err := p.Approve(t.Context(), r, a.MatchCode, "wrong password")
		w.refused(err, "factors")
	}
	sid := w.Realm.SignIn(erika)
	token := w.token(erika, sid, nil)
	_, err := p.Unlock(t.Context(), token, "Ebbe und Flut")
	w.refused(err, "enrolment_required")
	w.permit(p, sid)
	thief := w.blank()
	thief.ID = p.ID
	_, err = thief.Unlock(t.Context(), token, "Ebbe und Flut")
	w.refused(err, "not_found")
	self, err := p.Unlock(t.Context(), token, "Ebbe und Flut")
	if err != nil || self.State != "active" || self.CoolUntil == "" {
		t.Fatalf("unlocked %+v, %v", self, err)
	}
	w.Pass(w.service.Settings.CoolDown)
	w.open(p)
	b, shown := w.shown(p)
	_, err = p.Approve(t.Context(), shown, b.MatchCode, password)
	w.refused(err, "factors")
	if decision, err := p.Approve(t.Context(), shown, b.MatchCode, "Ebbe und Flut"); err != nil || decision.State != "approved" {
		t.Errorf("decided %+v, %v", decision, err)
	}
}
