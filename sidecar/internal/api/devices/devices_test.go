package devices_test

import (
	"testing"
	"time"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/internal/api/apitest"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
)

func TestDocumentAndCodeAgree(t *testing.T) {
	apitest.Open(t, devices.Path, devices.Document).Compare(t, devices.Routes(), devices.Problems())
}

func TestAPhoneConfirmsWhatItShows(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a := w.ask()
	inbox, err := p.Inbox(t.Context(), 0, "")
	w.ok(err)
	if inbox.Count != 1 || inbox.Requests[0].ID != string(a.ID) || inbox.Requests[0].Title["de"] != "Adresse ändern" || inbox.Requests[0].ExpiresIn != 300 {
		t.Fatalf("inbox %+v", inbox)
	}
	r, err := p.Request(t.Context(), inbox.Requests[0].ID)
	w.ok(err)
	if r.Client != approvaltest.Backend || r.Fields[1].Value != "Am Deich 1, 26721 Emden" || r.Risk != "high" || r.MatchCode != 3 {
		t.Errorf("shown %+v", r)
	}
	again, err := p.Request(t.Context(), r.ID)
	w.ok(err)
	if again.Raw != r.Raw {
		t.Error("the same request was handed out in other bytes")
	}
	decision, err := p.Approve(t.Context(), r, a.MatchCode, password)
	w.ok(err)
	if decision != (phones.Decision{State: "approved"}) {
		t.Errorf("decided %+v", decision)
	}
	if _, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, a.Content); err != nil {
		t.Errorf("redeeming: %v", err)
	}
	past, err := p.History(t.Context(), 10, "")
	w.ok(err)
	if len(past) != 1 || past[0].State != "redeemed" || !past[0].ThisDevice || past[0].DecidedAt == "" {
		t.Errorf("history %+v", past)
	}
}

func TestAPhoneDenies(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	decision, err := p.Deny(t.Context(), r, "")
	w.ok(err)
	if decision != (phones.Decision{State: "denied", Reason: "by_person"}) || w.state(a.ID) != approval.Denied {
		t.Errorf("decided %+v, stored %s", decision, w.state(a.ID))
	}
	_, err = p.Request(t.Context(), r.ID)
	w.refused(err, "request_over")
	var over *phones.Problem
	if asProblem(err, &over); over == nil || over.State != "denied" || over.Reason != "by_person" {
		t.Errorf("told %+v", over)
	}
}

func TestAnswersAreOfOneSize(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	yes := p.Answer(r, "approve")
	yes["match_code"] = a.MatchCode
	approved, err := p.Envelope(t.Context(), yes, password)
	w.ok(err)
	denied, err := p.Envelope(t.Context(), p.Answer(r, "deny"), "")
	w.ok(err)
	if len(approved) != 2048 || len(denied) != 2048 {
		t.Errorf("an approval has %d bytes, a denial %d", len(approved), len(denied))
	}
}

// The phone's clock says what it likes.
func TestClocksOfPhonesDoNotMatter(t *testing.T) {
	for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute, -365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			w := newWorld(t)
			p := w.enrolled()
			p.Skew = skew
			a, r := w.shown(p)
			decision, err := p.Approve(t.Context(), r, a.MatchCode, password)
			if err != nil || decision.State != "approved" {
				t.Errorf("decided %+v, %v", decision, err)
			}
		})
	}
}

func TestANewPhoneConfirmsLowRiskAlone(t *testing.T) {
	w := newWorld(t)
	p := w.fresh(approvaltest.Erika, approvaltest.Number)
	w.open(p)
	a, r := w.shown(p)
	_, err := p.Approve(t.Context(), r, a.MatchCode, password)
	w.refused(err, "cooling")
	var cooling *phones.Problem
	if asProblem(err, &cooling); cooling == nil || cooling.Until == "" {
		t.Errorf("told %+v", cooling)
	}
	if decision, err := p.Deny(t.Context(), r, ""); err != nil || decision.State != "denied" {
		t.Errorf("a new phone may deny: %+v, %v", decision, err)
	}
	low, _, err := w.Request(t.Context(), approval.Request{
		Client: approvaltest.Backend, Number: approvaltest.Number, Action: approvaltest.Letters, Key: "low",
		Content: approval.HashOf([]byte("by mail")), Fields: map[string]string{"weg": "E-Mail"},
	})
	w.ok(err)
	shown, err := p.Request(t.Context(), string(low.ID))
	w.ok(err)
	if decision, err := p.Approve(t.Context(), shown, low.MatchCode, password); err != nil || decision.State != "approved" {
		t.Errorf("decided %+v, %v", decision, err)
	}
}

func TestKeysAndTimeAreForEverybody(t *testing.T) {
	w := newWorld(t)
	p := w.blank()
	now, err := p.Time(t.Context())
	if err != nil || now != w.Clock().Unix() {
		t.Errorf("time %d, %v", now, err)
	}
	keys, err := p.Keys(t.Context())
	w.ok(err)
	if _, err := keys.SealKey.Point(); err != nil || len(keys.RequestKeys.Keys) != 1 {
		t.Errorf("keys %+v, %v", keys, err)
	}
}
