package devices_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
)

// Whatever a valid signature is under, only a whole "approve" approves.
func TestAnythingElseThanApproveDenies(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(p map[string]any) { p[name] = value }
	}
	without := func(name string) func(map[string]any) {
		return func(p map[string]any) { delete(p, name) }
	}
	for name, change := range map[string]func(map[string]any){
		"an unknown member":            set("comment", "x"),
		"no decision":                  without("decision"),
		"an unknown decision":          set("decision", "yes"),
		"a decision in other case":     set("decision", "Approve"),
		"the decision is a number":     set("decision", 1),
		"the decision is null":         set("decision", nil),
		"the match code is a number":   set("match_code", 123),
		"no match code":                without("match_code"),
		"a match code with blanks":     set("match_code", "1 2 3"),
		"approve with a reason":        set("reason", "by_person"),
		"another version":              set("v", 2),
		"the version is a text":        set("v", "1"),
		"no version":                   without("v"),
		"no hash":                      without("request_sha256"),
		"a hash of another form":       set("request_sha256", "abc"),
		"no time":                      without("iat"),
		"the time is a text":           set("iat", "now"),
		"an approval under other name": func(p map[string]any) { p["Decision"] = p["decision"]; delete(p, "decision") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.enrolled()
			a, r := w.shown(p)
			payload := p.Answer(r, "approve")
			payload["match_code"] = a.MatchCode
			change(payload)
			decision, err := p.Send(t.Context(), r.ID, payload, password)
			if err != nil || decision != (phones.Decision{State: "denied", Reason: "malformed"}) || w.state(a.ID) != approval.Denied {
				t.Errorf("decided %+v, %v; stored %s", decision, err, w.state(a.ID))
			}
		})
	}
}

func TestVectorsOfDenials(t *testing.T) {
	raw, err := os.ReadFile("../../../device/testdata/protocol/answer.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Hash    string `json:"request_sha256"`
		Denials []struct{ Why, Payload string }
	}
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Denials) == 0 {
		t.Fatal(len(v.Denials), err)
	}
	for _, denial := range v.Denials {
		t.Run(denial.Why, func(t *testing.T) {
			w := newWorld(t)
			p := w.enrolled()
			_, r := w.shown(p)
			payload := strings.ReplaceAll(denial.Payload, v.Hash, phones.Digest(r.Raw))
			decision, err := p.Send(t.Context(), r.ID, []byte(payload), password)
			if err != nil || decision != (phones.Decision{State: "denied", Reason: "malformed"}) {
				t.Errorf("decided %+v, %v", decision, err)
			}
		})
	}
}

// What is not about these bytes, by this phone, decides nothing.
func TestTamperedAnswersDecideNothing(t *testing.T) {
	type scene struct {
		*world
		p, other    *phones.Phone // both Erika's
		a           approval.Approval
		r, second   phones.Request // of p and of other
		stolen      []byte         // an answer of p that approves
		code        string
		alteredText phones.Request
	}
	post := func(s *scene, p *phones.Phone, id string, body any) error {
		return p.Do(t.Context(), phones.Call{Method: http.MethodPost, Path: "/requests/" + id + "/answer", Body: body})
	}
	approve := func(s *scene, p *phones.Phone, r phones.Request, code, secret string) error {
		_, err := p.Approve(t.Context(), r, code, secret)
		return err
	}
	jws := func(s *scene, key *phones.Key, header map[string]any) error {
		payload := s.p.Answer(s.r, "approve")
		payload["match_code"] = s.code
		text, err := key.Sign(header, payload)
		s.ok(err)
		keys, err := s.p.Keys(t.Context())
		s.ok(err)
		sealed, err := phones.Seal(keys.SealKey, password, phones.AAD(s.p.ID, "device-password", text))
		s.ok(err)
		return post(s, s.p, s.r.ID, map[string]any{"answer": text, "password": sealed})
	}
	good := func(s *scene) map[string]any {
		return map[string]any{"alg": "ES256", "typ": "schleuse-answer+jwt", "kid": s.p.ID}
	}
	with := func(h map[string]any, name string, value any) map[string]any {
		h[name] = value
		return h
	}
	tests := []struct {
		name, want string
		do         func(*scene) error
	}{
		{"another text than was shown", "other_request", func(s *scene) error { return approve(s, s.p, s.alteredText, s.code, password) }},
		{"the request as the other phone got it", "other_request", func(s *scene) error {
			return approve(s, s.p, phones.Request{ID: s.r.ID, Raw: s.second.Raw, MatchCode: 3}, s.code, password)
		}},
		{"a denial of another text", "other_request", func(s *scene) error { _, err := s.p.Deny(t.Context(), s.alteredText, ""); return err }},
		{"the answer of another phone", "factors", func(s *scene) error { return post(s, s.other, s.r.ID, s.stolen) }},
		{"signed by another phone of the person", "factors", func(s *scene) error { return jws(s, s.other.Key, good(s)) }},
		{"in the name of another phone", "factors", func(s *scene) error { return jws(s, s.p.Key, with(good(s), "kid", s.other.ID)) }},
		{"of another type", "factors", func(s *scene) error { return jws(s, s.p.Key, with(good(s), "typ", "schleuse-device+jwt")) }},
		{"of another algorithm", "factors", func(s *scene) error { return jws(s, s.p.Key, with(good(s), "alg", "none")) }},
		{"with a key in its header", "factors", func(s *scene) error { return jws(s, s.p.Key, with(good(s), "jwk", s.p.Key.Public())) }},
		{"no signed answer", "factors", func(s *scene) error { return post(s, s.p, s.r.ID, map[string]any{"answer": "yes"}) }},
		{"another person's request", "not_found", func(s *scene) error {
			q := s.fresh("max-1", "B123456782")
			_, err := q.Approve(t.Context(), s.r, s.code, password)
			return err
		}},
		{"a request that never was", "not_found", func(s *scene) error {
			return approve(s, s.p, phones.Request{ID: string(approval.NewID()), Raw: s.r.Raw, MatchCode: 3}, s.code, password)
		}},
		{"an id of another form", "not_found", func(s *scene) error {
			return approve(s, s.p, phones.Request{ID: "1", Raw: s.r.Raw, MatchCode: 3}, s.code, password)
		}},
		{"the wrong password", "factors", func(s *scene) error { return approve(s, s.p, s.r, s.code, "wrong password") }},
		{"no password", "factors", func(s *scene) error { return approve(s, s.p, s.r, s.code, "") }},
		{"the login password or any other", "factors", func(s *scene) error { return approve(s, s.p, s.r, s.code, password+" ") }},
		{"a password sealed beside another answer", "seal_key", func(s *scene) error {
			var body, next map[string]any
			s.ok(json.Unmarshal(s.stolen, &body))
			payload := s.p.Answer(s.r, "approve")
			payload["match_code"], payload["iat"] = s.code, 1
			envelope, err := s.p.Envelope(t.Context(), payload, "")
			s.ok(err)
			s.ok(json.Unmarshal(envelope, &next))
			next["password"], next["padding"] = body["password"], ""
			return post(s, s.p, s.r.ID, next)
		}},
		{"a password that is no sealed one", "malformed", func(s *scene) error {
			return post(s, s.p, s.r.ID, map[string]any{"answer": "a.b.c", "password": password})
		}},
		{"a member that is unknown", "malformed", func(s *scene) error {
			return post(s, s.p, s.r.ID, map[string]any{"answer": "a.b.c", "approve": true})
		}},
		{"the wrong match code", "match_code", func(s *scene) error { return approve(s, s.p, s.r, not(s.code), password) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.Realm.Put(account.Account{ID: "max-1", Username: "b123456782", Enabled: true})
			w.ok(w.Realm.Grant(t.Context(), "max-1"))
			s := &scene{world: w, p: w.enrolled(), other: w.enrolled()}
			w.open(s.p)
			s.a, s.r = w.shown(s.p)
			var err error
			s.second, err = s.other.Request(t.Context(), s.r.ID)
			w.ok(err)
			s.code = s.a.MatchCode
			yes := s.p.Answer(s.r, "approve")
			yes["match_code"] = s.code
			s.stolen, err = s.p.Envelope(t.Context(), yes, password)
			w.ok(err)
			s.alteredText = s.r
			s.alteredText.Raw += "A"
			w.refused(tt.do(s), tt.want)
			if got := w.state(s.a.ID); got != approval.Pending {
				t.Errorf("the request is %s", got)
			}
		})
	}
}

func TestAnAnswerServesOneRequest(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	payload := p.Answer(r, "approve")
	payload["match_code"] = a.MatchCode
	body, err := p.Envelope(t.Context(), payload, password)
	w.ok(err)
	send := func(id approval.ID) (phones.Decision, error) {
		var decision phones.Decision
		err := p.Do(t.Context(), phones.Call{Method: http.MethodPost, Path: "/requests/" + string(id) + "/answer", Body: body, Into: &decision})
		return decision, err
	}
	for range 2 { // the second time the first answer was lost
		if decision, err := send(a.ID); err != nil || decision.State != "approved" {
			t.Fatalf("decided %+v, %v", decision, err)
		}
	}
	if _, err := w.Redeem(t.Context(), approvaltest.Backend, a.ID, a.Content); err != nil {
		t.Fatal(err)
	}
	b, _ := w.shown(p)
	_, err = send(b.ID)
	w.refused(err, "other_request")
	if w.state(b.ID) != approval.Pending || w.state(a.ID) != approval.Redeemed {
		t.Errorf("first %s, second %s", w.state(a.ID), w.state(b.ID))
	}
}

func TestThreeWrongCodesDeny(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	for range 2 {
		_, err := p.Approve(t.Context(), r, not(a.MatchCode), password)
		w.refused(err, "match_code")
	}
	decision, err := p.Approve(t.Context(), r, not(a.MatchCode), password)
	if err != nil || decision != (phones.Decision{State: "denied", Reason: "code"}) {
		t.Errorf("decided %+v, %v", decision, err)
	}
}

// Five wrong device passwords lock the phone; it may still deny, and nobody is
// told which factor was wrong.
func TestWrongPasswordsLock(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	var answers []string
	for range 5 {
		_, err := p.Approve(t.Context(), r, a.MatchCode, "wrong password")
		w.refused(err, "factors")
		var told *phones.Problem
		if asProblem(err, &told) {
			answers = append(answers, told.Type+told.Title)
		}
	}
	_, err := p.Approve(t.Context(), r, a.MatchCode, password)
	w.refused(err, "device_locked")
	for _, told := range answers {
		if told != answers[0] {
			t.Errorf("a try is told otherwise: %s", told)
		}
	}
	self, err := p.Self(t.Context())
	if err != nil || self.State != "locked" {
		t.Errorf("the phone is %+v, %v", self, err)
	}
	_, err = p.Request(t.Context(), r.ID)
	w.refused(err, "device_locked")
	if decision, err := p.Deny(t.Context(), r, ""); err != nil || decision.State != "denied" {
		t.Errorf("a locked phone denies: %+v, %v", decision, err)
	}
	if kinds := w.told(); kinds != "phone_added phone_locked" {
		t.Errorf("notices: %s", kinds)
	}
}

func TestThatWasNotMe(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	w.ok(w.Realm.SetPassword(t.Context(), approvaltest.Erika, "what the thief knows"))
	w.refused(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"), "not_asked")
	a, r := w.shown(p)
	if decision, err := p.Deny(t.Context(), r, "not_me"); err != nil || decision != (phones.Decision{State: "denied", Reason: "not_me"}) {
		t.Fatalf("decided %+v, %v", decision, err)
	}
	w.refused(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"), "unavailable")
	if n := w.carry(); n != 1 || w.state(a.ID) != approval.Denied {
		t.Errorf("%d tasks, request %s", n, w.state(a.ID))
	}
	if live := w.Realm.Live(approvaltest.Erika); len(live) != 0 || w.Realm.Password(approvaltest.Erika) == "what the thief knows" {
		t.Errorf("%d sessions live; the old password is good", len(live))
	}
	w.refused(p.SetLoginPassword(t.Context(), "wrong password", "Siel und Watt 7"), "factors")
	w.refused(p.SetLoginPassword(t.Context(), password, "kurz"), "password_refused")
	w.ok(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"))
	if w.Realm.Password(approvaltest.Erika) != "Siel und Watt 7" {
		t.Error("the new password was not set")
	}
	w.refused(p.SetLoginPassword(t.Context(), password, "Siel und Watt 8"), "not_asked")
}

// Somebody asked who is not the person, also when the request ended meanwhile.
func TestThatWasNotMeComesNeverTooLate(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	w.Pass(approval.MaxLifetime)
	_, err := p.Deny(t.Context(), r, "")
	w.refused(err, "request_over")
	if n := len(w.tasks.queued); n != 0 {
		t.Fatalf("%d tasks without a report", n)
	}
	_, err = p.Deny(t.Context(), r, "not_me")
	w.refused(err, "request_over")
	if n := w.carry(); n != 1 || w.state(a.ID) != approval.Expired {
		t.Errorf("%d tasks, request %s", n, w.state(a.ID))
	}
}

// Only who was given the request can say that they did not ask for it: the
// finder of a phone, with the app closed, ends nobody's sessions.
func TestThatWasNotMeIsAboutWhatWasRead(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	report := func(payload map[string]any) func(approval.Approval) {
		return func(a approval.Approval) {
			decision, err := p.Send(t.Context(), string(a.ID), payload, "")
			if err == nil && decision != (phones.Decision{State: "denied", Reason: "malformed"}) {
				t.Errorf("decided %+v", decision)
			}
		}
	}
	unread := p.Answer(phones.Request{Raw: "never handed out"}, "deny")
	unread["reason"] = "not_me"
	for name, send := range map[string]func(approval.Approval){
		"no version, no hash, no time": report(map[string]any{"decision": "deny", "reason": "not_me"}),
		"a hash of what nobody got":    report(unread),
	} {
		for _, late := range []time.Duration{0, approval.MaxLifetime} {
			p.Lock()
			a := w.ask()
			w.Pass(late)
			send(a)
			if n := len(w.tasks.queued); n != 0 {
				t.Fatalf("%s, after %s: %d tasks", name, late, n)
			}
			w.Pass(2 * approval.MaxLifetime)
		}
	}
}

func TestTheLoginPasswordIsSetInTheOpenApp(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	_, r := w.shown(p)
	_, err := p.Deny(t.Context(), r, "not_me")
	w.ok(err)
	w.carry()
	p.Lock()
	w.refused(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"), "app_locked")
	w.open(p)
	w.ok(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"))
}

// A phone that is new takes neither the login nor the older phones.
func TestANewPhoneTakesNothingOver(t *testing.T) {
	w := newWorld(t)
	old := w.enrolled()
	p := w.fresh(approvaltest.Erika, approvaltest.Number)
	w.Pass(time.Minute)
	newer := w.fresh(approvaltest.Erika, approvaltest.Number)
	w.open(p)
	_, r := w.shown(p)
	_, err := p.Deny(t.Context(), r, "not_me")
	w.ok(err)
	w.carry()
	w.refused(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"), "cooling")
	w.refused(p.Block(t.Context(), old.ID), "cooling")
	w.ok(p.Block(t.Context(), newer.ID))
	w.Pass(w.service.Settings.CoolDown - time.Minute)
	w.open(p)
	w.ok(p.SetLoginPassword(t.Context(), password, "Siel und Watt 7"))
	w.ok(p.Block(t.Context(), old.ID))
	again := w.fresh(approvaltest.Erika, approvaltest.Number)
	w.ok(again.Block(t.Context(), again.ID))
}

// Who is not identified any more reads and approves nothing, and may deny.
func TestAPhoneOfSomebodyWhoIsNotIdentifiedAnyMore(t *testing.T) {
	w := newWorld(t)
	p := w.enrolled()
	a, r := w.shown(p)
	w.ok(w.Realm.Withdraw(t.Context(), approvaltest.Erika))
	_, err := p.Request(t.Context(), string(a.ID))
	w.refused(err, "not_identified")
	_, err = p.History(t.Context(), 20, "")
	w.refused(err, "not_identified")
	_, err = p.Approve(t.Context(), r, a.MatchCode, password)
	w.refused(err, "not_identified")
	if got := w.state(a.ID); got != approval.Pending {
		t.Errorf("the request is %s", got)
	}
	if decision, err := p.Deny(t.Context(), r, ""); err != nil || decision.State != "denied" {
		t.Errorf("decided %+v, %v", decision, err)
	}
}

// not is another match code.
func not(code string) string {
	if code == "000" {
		return "111"
	}
	return "000"
}
