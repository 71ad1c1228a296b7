package approval_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

// answer sends an answer of the world's phone with the right password.
func (w *world) answer(a approval.Approval, raw string) (approval.Approval, error) {
	return w.Answer(w.t.Context(), w.Phone.ID, a.ID, raw, approvaltest.Typed(approvaltest.Password))
}

func TestWhatIsValidlySignedAndNoAnswerDenies(t *testing.T) {
	for name, payload := range map[string]string{
		"unknown member":       `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":1,"also":true}`,
		"member twice":         `{"v":1,"request_sha256":"HASH","decision":"deny","decision":"approve","match_code":"CODE","iat":1}`,
		"member in other case": `{"v":1,"request_sha256":"HASH","Decision":"approve","match_code":"CODE","iat":1}`,
		"no decision":          `{"v":1,"request_sha256":"HASH","match_code":"CODE","iat":1}`,
		"null decision":        `{"v":1,"request_sha256":"HASH","decision":null,"match_code":"CODE","iat":1}`,
		"null reason":          `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE","reason":null,"iat":1}`,
		"unknown decision":     `{"v":1,"request_sha256":"HASH","decision":"APPROVE","match_code":"CODE","iat":1}`,
		"decision is true":     `{"v":1,"request_sha256":"HASH","decision":true,"match_code":"CODE","iat":1}`,
		"another version":      `{"v":2,"request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":1}`,
		"version as text":      `{"v":"1","request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":1}`,
		"no version":           `{"request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":1}`,
		"no time":              `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE"}`,
		"time as text":         `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":"1"}`,
		"no hash":              `{"v":1,"decision":"approve","match_code":"CODE","iat":1}`,
		"hash in hexadecimal":  `{"v":1,"request_sha256":"` + strings.Repeat("0", 64) + `","decision":"approve","match_code":"CODE","iat":1}`,
		"code is a number":     `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":123,"iat":1}`,
		"no code":              `{"v":1,"request_sha256":"HASH","decision":"approve","iat":1}`,
		"code of letters":      `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"abc","iat":1}`,
		"approve with reason":  `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE","reason":"not_me","iat":1}`,
		"deny with code":       `{"v":1,"request_sha256":"HASH","decision":"deny","match_code":"CODE","iat":1}`,
		"unknown reason":       `{"v":1,"request_sha256":"HASH","decision":"deny","reason":"because","iat":1}`,
		"trailing bytes":       `{"v":1,"request_sha256":"HASH","decision":"approve","match_code":"CODE","iat":1} {}`,
		"an array":             `[]`,
		"nothing":              ``,
		"no JSON":              `approve`,
		"not UTF-8":            "{\"v\":1,\"request_sha256\":\"HASH\",\"decision\":\"approve\xff\",\"match_code\":\"CODE\",\"iat\":1}",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.ask("k")
			text := strings.NewReplacer("HASH", approval.HashOf([]byte(w.open(a))).String(), "CODE", a.MatchCode).Replace(payload)
			got, err := w.answer(a, w.Phone.Sign(device.Answer, []byte(text)))
			w.must(err)
			if got.State != approval.Denied || got.Reason != approval.Malformed || w.state(a) != approval.Denied {
				t.Errorf("%s %s", got.State, got.Reason)
			}
		})
	}
}

// TestWhatThePhoneDidNotSignDecidesNothing also holds that no try is counted.
func TestWhatThePhoneDidNotSignDecidesNothing(t *testing.T) {
	w := newWorld(t)
	other := w.phone(approvaltest.Erika, "")
	a := w.ask("k")
	shown := w.open(a)
	good := approvaltest.Yes(w.Phone, shown, a.MatchCode)
	parts := strings.Split(good, ".")
	signed := func(alg jose.SignatureAlgorithm, key any, with func(*jose.SignerOptions)) string {
		options := (&jose.SignerOptions{}).WithType(jose.ContentType(device.Answer)).WithHeader("kid", string(w.Phone.ID))
		with(options)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
		w.must(err)
		obj, err := signer.Sign([]byte(`{}`))
		w.must(err)
		out, err := obj.CompactSerialize()
		w.must(err)
		return out
	}
	plain := func(*jose.SignerOptions) {}
	for name, raw := range map[string]string{
		"empty":             "",
		"no JWS":            "a.b.c",
		"another phone":     approvaltest.Yes(other, shown, a.MatchCode),
		"in our name":       devicetest.SignBy(other.Key, w.Phone.ID, device.Answer, json.RawMessage(`{}`)),
		"in another's name": devicetest.SignBy(w.Phone.Key, other.ID, device.Answer, json.RawMessage(`{}`)),
		"another typ":       w.Phone.Sign(device.Order, json.RawMessage(`{}`)),
		"HS256":             signed(jose.HS256, []byte("0123456789abcdef0123456789abcdef"), plain),
		"crit":              signed(jose.ES256, w.Phone.Key, func(o *jose.SignerOptions) { o.WithHeader("crit", []string{"b64"}).WithHeader("b64", true) }),
		"one more header":   signed(jose.ES256, w.Phone.Key, func(o *jose.SignerOptions) { o.WithHeader("x", 1) }),
		"payload changed":   parts[0] + "." + strings.Replace(parts[1], parts[1][:8], "eyJ2IjoyLCA", 1) + "." + parts[2],
		"no signature":      parts[0] + "." + parts[1] + ".",
		"padded":            good + "=",
		"line break":        good + "\n",
	} {
		if _, err := w.answer(a, raw); !errors.Is(err, device.ErrFactors) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := w.Memory.Get(t.Context(), a.ID); err != nil || now.State != approval.Pending || now.WrongCodes != 0 || w.Password.Wrong[w.Phone.ID] != 0 {
		t.Errorf("%+v, %v; %d tries", now, err, w.Password.Wrong[w.Phone.ID])
	}
	if got, err := w.answer(a, good); err != nil || got.State != approval.Approved {
		t.Errorf("the good one: %s, %v", got.State, err)
	}
}

func TestAnAnswerIsAboutTheBytesThatThisPhoneWasHanded(t *testing.T) {
	w := newWorld(t)
	other := w.phone(approvaltest.Erika, "")
	a := w.ask("k")
	_, err := w.answer(a, approvaltest.Yes(w.Phone, "x", a.MatchCode))
	w.want(err, approval.ErrOther) // handed nothing yet
	shown := w.open(a)
	theirs, err := w.Open(t.Context(), other.ID, a.ID)
	w.must(err)
	for name, about := range map[string]string{"another phone's": theirs, "changed": shown + "x", "none": ""} {
		_, err = w.answer(a, approvaltest.Yes(w.Phone, about, a.MatchCode))
		if !errors.Is(err, approval.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
		_, err = w.answer(a, approvaltest.No(w.Phone, about, ""))
		if !errors.Is(err, approval.ErrOther) {
			t.Errorf("%s denied: %v", name, err)
		}
	}
	if w.state(a) != approval.Pending || w.Password.Wrong[w.Phone.ID] != 0 {
		t.Error(w.state(a), w.Password.Wrong)
	}
}

func TestAnAnswerServesItsOwnApprovalAlone(t *testing.T) {
	w := newWorld(t)
	first := w.confirmed("k")
	_, err := w.Redeem(t.Context(), approvaltest.Backend, first.ID, content)
	w.must(err)
	second := w.ask("l")
	w.open(second)
	_, err = w.answer(second, first.Answer)
	w.want(err, approval.ErrOther)
	if w.state(second) != approval.Pending {
		t.Error(w.state(second))
	}
	// The same answer to the same approval is the answer that was lost.
	got, err := w.answer(first, first.Answer)
	w.must(err)
	if got.State != approval.Redeemed {
		t.Error(got.State)
	}
}

func TestAnotherPersonsApprovalDoesNotExist(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	stranger := w.phone("moritz-1", "M")
	_, err := w.Open(t.Context(), stranger.ID, a.ID)
	w.want(err, approval.ErrNoApproval)
	_, err = w.Answer(t.Context(), stranger.ID, a.ID, approvaltest.No(stranger, w.open(a), ""), device.Sealed{})
	w.want(err, approval.ErrNoApproval)
	in, err := w.Inbox(t.Context(), stranger.ID)
	w.must(err)
	if in.Count != 0 {
		t.Errorf("inbox: %+v", in)
	}
	w.Realm.Put(account.Account{ID: "moritz-1", Username: "m123456784", Enabled: true})
	w.must(w.Realm.Grant(t.Context(), "moritz-1"))
	if got, err := w.History(t.Context(), stranger.ID, "", 0); err != nil || len(got) != 0 {
		t.Errorf("history: %v, %v", got, err)
	}
	if w.state(a) != approval.Pending {
		t.Error(w.state(a))
	}
}

func TestThePasswordIsCountedAndNothingDecided(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	raw := approvaltest.Yes(w.Phone, w.open(a), a.MatchCode)
	for _, typed := range []device.Sealed{approvaltest.Typed("wrong"), {}} {
		_, err := w.Answer(t.Context(), w.Phone.ID, a.ID, raw, typed)
		w.want(err, device.ErrFactors)
	}
	if w.state(a) != approval.Pending || w.Password.Wrong[w.Phone.ID] != 2 {
		t.Errorf("%s, %d tries", w.state(a), w.Password.Wrong[w.Phone.ID])
	}
	w.must2(w.answer(a, raw))
	// What is over costs no try.
	_, err := w.Answer(t.Context(), w.Phone.ID, a.ID, approvaltest.Yes(w.Phone, w.issued(a), a.MatchCode), approvaltest.Typed("wrong"))
	w.want(err, approval.ErrOver)
	if w.Password.Wrong[w.Phone.ID] != 2 {
		t.Error("counted")
	}
}

func (w *world) must2(_ approval.Approval, err error) {
	w.t.Helper()
	w.must(err)
}

func TestThreeWrongCodesDeny(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	shown := w.open(a)
	wrong := fmt.Sprintf("%03d", (int(a.MatchCode[0])+1)%10)
	for range 2 {
		_, err := w.answer(a, approvaltest.Yes(w.Phone, shown, wrong))
		w.want(err, approval.ErrMatchCode)
	}
	got, err := w.answer(a, approvaltest.Yes(w.Phone, shown, wrong))
	w.must(err)
	if got.State != approval.Denied || got.Reason != approval.WrongCode {
		t.Errorf("%s %s", got.State, got.Reason)
	}
	_, err = w.answer(a, approvaltest.Yes(w.Phone, shown, a.MatchCode))
	w.want(err, approval.ErrOver)
}

func TestThePhoneThatAskedTypesNoCode(t *testing.T) {
	w := newWorld(t)
	other := w.phone(approvaltest.Erika, "")
	r := approvaltest.Ask("k")
	r.Origin = w.origin(w.Phone.ID)
	a, _, err := w.Request(t.Context(), r)
	w.must(err)
	theirs, err := w.Open(t.Context(), other.ID, a.ID)
	w.must(err)
	var shown struct {
		Digits int `json:"match_code"`
	}
	w.must(approvaltest.Payload(theirs, &shown))
	if shown.Digits != 3 {
		t.Errorf("another phone types %d digits", shown.Digits)
	}
	mine := w.open(a)
	w.must(approvaltest.Payload(mine, &shown))
	if shown.Digits != 0 {
		t.Errorf("the phone that asked types %d digits", shown.Digits)
	}
	got, err := w.answer(a, approvaltest.Yes(w.Phone, mine, ""))
	w.must(err)
	if got.State != approval.Approved {
		t.Errorf("%s %s", got.State, got.Reason)
	}
}

func TestANewPhoneConfirmsLowRiskAlone(t *testing.T) {
	w := newWorld(t)
	until := w.Clock().Add(time.Hour)
	w.change(w.Phone.ID, func(d *device.Device) { d.CoolUntil = until })
	a := w.ask("k")
	_, err := w.Confirm(t.Context(), a)
	var cooling *approval.Cooling
	if !errors.As(err, &cooling) || !cooling.Until.Equal(until) || !errors.Is(err, approval.ErrCooling) {
		t.Fatal(err)
	}
	r := approvaltest.Ask("l")
	r.Action, r.Fields = approvaltest.Letters, map[string]string{"weg": "Post"}
	low, _, err := w.Request(t.Context(), r)
	w.must(err)
	w.must2(w.Confirm(t.Context(), low))
	// Another phone that is older confirms.
	older := w.phone(approvaltest.Erika, "")
	shown, err := w.Open(t.Context(), older.ID, a.ID)
	w.must(err)
	w.must2(w.Answer(t.Context(), older.ID, a.ID, approvaltest.Yes(older, shown, a.MatchCode), approvaltest.Typed(approvaltest.Password)))
}

func TestLockedAndBlockedPhones(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	shown := w.open(a)
	yes := approvaltest.Yes(w.Phone, shown, a.MatchCode)
	w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked })
	_, err := w.answer(a, yes)
	w.want(err, device.ErrLocked)
	_, err = w.Open(t.Context(), w.Phone.ID, a.ID)
	w.want(err, device.ErrLocked)
	w.change(w.Phone.ID, func(d *device.Device) { d.State, d.Ended = device.Blocked, w.Clock() })
	_, err = w.answer(a, approvaltest.No(w.Phone, shown, ""))
	w.want(err, device.ErrBlocked)
	_, err = w.Inbox(t.Context(), w.Phone.ID)
	w.want(err, device.ErrBlocked)
	w.change(w.Phone.ID, func(d *device.Device) { d.State = device.Locked })
	got, err := w.answer(a, approvaltest.No(w.Phone, shown, approval.NotMe))
	w.must(err)
	if got.State != approval.Denied || got.Reason != approval.NotMe {
		t.Errorf("a locked phone could not deny: %s", got.State)
	}
}

// TestAPhoneThatChangesWhileItAnswers holds the check within the
// transaction.
func TestAPhoneThatChangesWhileItAnswers(t *testing.T) {
	for name, change := range map[string]func(*device.Device){
		"blocked": func(d *device.Device) { d.State = device.Blocked },
		"locked":  func(d *device.Device) { d.State = device.Locked },
		"new key": func(d *device.Device) { d.Key = devicetest.Public(devicetest.NewKey()) },
		"moved":   func(d *device.Device) { d.Account = "moritz-1" },
		"cooling": func(d *device.Device) { d.CoolUntil = approvaltest.Start.Add(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.ask("k")
			raw := approvaltest.Yes(w.Phone, w.open(a), a.MatchCode)
			w.Password.Then = func() { w.change(w.Phone.ID, change) }
			_, err := w.answer(a, raw)
			if err == nil || w.state(a) != approval.Pending {
				t.Errorf("%v, %s", err, w.state(a))
			}
		})
	}
	w := newWorld(t)
	a := w.ask("k")
	w.Password.Then = func() { w.Pass(5 * time.Minute) }
	_, err := w.Confirm(t.Context(), a)
	w.want(err, approval.ErrOver)
}
