package devices_test

import (
	"net/http"
	"testing"
	"time"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
)

// from asks Erika with what the app gave to its backend.
func (w *world) from(origin string) (approval.Approval, error) {
	r := approvaltest.Ask(string(approval.NewID()))
	r.Origin = origin
	a, _, err := w.Request(w.t.Context(), r)
	return a, err
}

func (w *world) origin(p *phones.Phone) string {
	w.t.Helper()
	text, err := p.Origin(w.t.Context())
	w.ok(err)
	return text
}

func TestWhatThePhoneItselfAsksWantsNoCodeThere(t *testing.T) {
	w := newWorld(t)
	p, other := w.enrolled(), w.enrolled()
	w.open(p)
	a, err := w.from(w.origin(p))
	w.ok(err)
	theirs, err := other.Request(t.Context(), string(a.ID))
	w.ok(err)
	mine, err := p.Request(t.Context(), string(a.ID))
	w.ok(err)
	if mine.MatchCode != 0 || theirs.MatchCode != 3 {
		t.Errorf("%d digits where it was asked, %d elsewhere", mine.MatchCode, theirs.MatchCode)
	}
	_, err = other.Approve(t.Context(), theirs, wrong(a.MatchCode), password)
	w.refused(err, "match_code")
	d, err := p.Approve(t.Context(), mine, "", password)
	w.ok(err)
	if d.State != "approved" {
		t.Errorf("%+v", d)
	}
}

// wrong is another code of as many digits.
func wrong(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

func TestAnOriginIsOfAnOpenedAppAlone(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	p.Lock()
	_, err := p.Origin(t.Context())
	w.refused(err, "app_locked")
	w.open(p)
	w.Pass(w.service.Settings.IdleLock)
	_, err = p.Origin(t.Context())
	w.refused(err, "app_locked")
	w.open(p)
	if err := p.Do(t.Context(), phones.Call{Method: http.MethodPost, Path: "/self/origin", Opened: true, Body: map[string]any{"for": "x"}}); !phones.Is(err, "malformed") {
		t.Error(err)
	}
}

// What was begun in the opened app is void when somebody stands before the
// locked one, or the phone is another's or out of use.
func TestAnOriginEndsWithTheAppThatGaveIt(t *testing.T) {
	for name, bend := range map[string]func(w *world, p *phones.Phone){
		"another PIN":      func(w *world, p *phones.Phone) { w.ok(p.SetPIN(w.t.Context(), password, "314159")) },
		"a wrong PIN":      func(w *world, p *phones.Phone) { w.refused(p.OpenByPIN(w.t.Context(), "314159"), "factors") },
		"another password": func(w *world, p *phones.Phone) { w.ok(p.SetPassword(w.t.Context(), password, "Ebbe und Flut 7")) },
		"another key": func(w *world, p *phones.Phone) {
			w.ok(p.RotateKey(w.t.Context(), password, func() error { return nil }))
		},
		"blocked":           func(w *world, p *phones.Phone) { w.ok(p.Block(w.t.Context(), p.ID)) },
		"two minutes later": func(w *world, _ *phones.Phone) { w.Pass(approval.OriginLife) },
		"locked after wrong passwords": func(w *world, p *phones.Phone) {
			for range w.service.Settings.Tries {
				w.refused(p.SetPIN(w.t.Context(), "wrong", "314159"), "factors")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.enrolled()
			p := w.enrolled()
			text := w.origin(p)
			bend(w, p)
			if _, err := w.from(text); err == nil || err.Error() != approval.ErrOrigin.Error() {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestAnOriginLivesNoLongerThanTheAppStaysOpen(t *testing.T) {
	w := newWorld(t)
	w.service.Settings.IdleLock = time.Minute
	p := w.enrolled()
	text := w.origin(p)
	w.Pass(time.Minute)
	if _, err := w.from(text); err == nil {
		t.Error("good after the app locked")
	}
}
