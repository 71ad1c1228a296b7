package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/device/java"
	"github.com/schleuse/schleuse/sidecar/client"
)

// javaPhone is a phone in Java, written from the protocol's document alone.
type javaPhone struct {
	*appUser
	classes java.Classes
	dir     string
}

// javaSelf is what the phone says of itself.
type javaSelf struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	PINSet bool   `json:"pin_set"`
}

// javaPhone registers one, sets its PIN and opens its app.
func (u *appUser) javaPhone() *javaPhone {
	u.t.Helper()
	dir := u.t.TempDir()
	classes, err := java.Compile(u.t.Context(), dir)
	if err != nil {
		u.t.Fatal(err)
	}
	p := &javaPhone{u, classes, dir}
	p.write("password", devicePassword)
	p.write("wrong", "nicht-das-Wort-1")
	p.write("pin", devicePIN)
	p.must(nil, "key", "--base", theatre.Ports.GateURL()+"/schleuse/device/v1")
	p.write("token", u.token(p))
	p.must(nil, "enrol", "--name", "Telefon von Jördis",
		"--platform", "android", "--token-file", p.file("token"), "--password-file", p.file("password"))
	p.must(nil, "set-pin", "--password-file", p.file("password"), "--pin-file", p.file("pin"))
	p.must(nil, "open", "--pin-file", p.file("pin"))
	return p
}

// Asks implements keyed.
func (p *javaPhone) Asks() device.Ask {
	var asks device.Ask
	p.must(&asks, "key")
	return asks
}

// ProvesTo implements keyed.
func (p *javaPhone) ProvesTo(tokenEndpoint string) (string, error) {
	var made struct{ DPoP string }
	if word := p.run(&made, "proof", "--url", tokenEndpoint); word != "" {
		return "", errors.New(word)
	}
	return made.DPoP, nil
}

func (p *javaPhone) file(name string) string { return filepath.Join(p.dir, name) }

func (p *javaPhone) write(name, secret string) {
	p.t.Helper()
	if err := os.WriteFile(p.file(name), []byte(secret+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// run runs a command of the phone and reads what it prints into result, unless
// that is nil. The word of a refusal comes back, "" without one.
func (p *javaPhone) run(result any, command ...string) string {
	p.t.Helper()
	gate, err := url.Parse(theatre.Ports.GateURL())
	if err != nil {
		p.t.Fatal(err)
	}
	command = append(command, "--state", p.file("phone.json"), "--connect-to", gate.Host+":"+p.doors)
	said, err := p.classes.Run(p.t.Context(), "Main", command...)
	var refused *java.Refused
	if errors.As(err, &refused) {
		return refused.Word
	}
	if err != nil {
		p.t.Fatalf("%s: %v", command[0], err)
	}
	if result == nil {
		return ""
	}
	if err := json.Unmarshal(said, result); err != nil {
		p.t.Fatalf("%s printed %q: %v", command[0], said, err)
	}
	return ""
}

func (p *javaPhone) must(result any, command ...string) {
	p.t.Helper()
	if word := p.run(result, command...); word != "" {
		p.t.Fatalf("%s: %s", command[0], word)
	}
}

// asked has the backend ask for an address and the phone find and show it.
func (p *javaPhone) asked(backend *client.Client, q client.Question) client.Approval {
	p.t.Helper()
	asked, err := backend.Ask(p.t.Context(), q)
	if err != nil {
		p.t.Fatal(err)
	}
	var inbox struct {
		Requests []struct{ ID, Action string }
	}
	p.must(&inbox, "inbox", "--wait", "30")
	if len(inbox.Requests) != 1 || inbox.Requests[0].ID != asked.ID || inbox.Requests[0].Action != "adresse" {
		p.t.Fatalf("inbox %+v, asked %s", inbox, asked.ID)
	}
	var shown struct {
		Title  map[string]string
		Fields []struct{ Name, Value string }
		Digits int    `json:"match_code"`
		Hash   string `json:"content_sha256"`
	}
	p.must(&shown, "show", asked.ID)
	if shown.Title["de"] != "Adresse ändern" || shown.Digits != len(asked.MatchCode) || shown.Hash != q.Content.String() {
		p.t.Fatalf("shown %+v", shown)
	}
	if fields := fmt.Sprint(shown.Fields); fields != fmt.Sprintf("[{alt Alte Straße 1} {neu %s}]", q.Fields["neu"]) {
		p.t.Fatalf("shown %s", fields)
	}
	return asked
}

func (p *javaPhone) approve(id, code, password string) (state, refusal string) {
	p.t.Helper()
	var decision struct{ State string }
	refusal = p.run(&decision, "approve", id, "--code", code, "--password-file", p.file(password))
	return decision.State, refusal
}

func TestAJavaPhoneConfirmsAndDenies(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	p, backend := u.javaPhone(), u.backend()
	var self javaSelf
	p.must(&self, "self")
	if self.State != "active" || !self.PINSet {
		t.Fatalf("%+v", self)
	}

	q := u.address("Neue Straße 2, 10115 Berlin")
	asked := p.asked(backend, q)
	if state, refusal := p.approve(asked.ID, otherCode(asked.MatchCode), "password"); refusal != "match_code" {
		t.Fatalf("a wrong match code: %s %s", state, refusal)
	}
	if state, refusal := p.approve(asked.ID, asked.MatchCode, "wrong"); refusal != "factors" {
		t.Fatalf("a wrong device password: %s %s", state, refusal)
	}
	if state, refusal := p.approve(asked.ID, asked.MatchCode, "password"); state != "approved" {
		t.Fatalf("%s %s", state, refusal)
	}
	receipt, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content})
	if err != nil || receipt.Device != self.ID {
		t.Fatalf("%+v, %v", receipt, err)
	}

	asked = p.asked(backend, u.address("Fremde Straße 9"))
	var decision struct{ State, Reason string }
	p.must(&decision, "deny", asked.ID)
	if decision.State != "denied" || decision.Reason != "by_person" {
		t.Errorf("%+v", decision)
	}
	if got, err := backend.Wait(t.Context(), asked.ID); err != nil || got.State != client.Denied {
		t.Errorf("%+v, %v", got, err)
	}
	p.must(nil, "block")
	if word := p.run(nil, "inbox"); word != "device_unknown" {
		t.Errorf("a blocked phone reads its inbox: %q", word)
	}
}

// TestAJavaPhoneChangesKeyAndPassword, is locked by wrong ones and unlocked by a
// new identification.
func TestAJavaPhoneChangesKeyAndPassword(t *testing.T) {
	u := openAnnexe(t).identifiedCustomer(t)
	p, backend := u.javaPhone(), u.backend()
	var before, after javaSelf
	p.must(&before, "self")
	if word := p.run(nil, "rotate", "--password-file", p.file("wrong")); word != "factors" {
		t.Errorf("rotated by a wrong device password: %q", word)
	}
	p.must(nil, "rotate", "--password-file", p.file("password"))
	p.must(&after, "self")
	if after.ID != before.ID {
		t.Errorf("after the rotation %+v, before %+v", after, before)
	}
	p.write("new", "Mein-Geräte-Wort-8")
	p.must(nil, "set-password", "--password-file", p.file("password"), "--new-password-file", p.file("new"))
	p.must(nil, "set-biometric", "--password-file", p.file("new"))
	p.must(nil, "open", "--biometric")

	asked := p.asked(backend, u.address("Neue Straße 4"))
	for range 5 {
		if state, refusal := p.approve(asked.ID, asked.MatchCode, "wrong"); refusal == "" {
			t.Fatalf("a wrong device password: %s", state)
		}
	}
	if _, refusal := p.approve(asked.ID, asked.MatchCode, "new"); refusal != "device_locked" {
		t.Errorf("the right one after five wrong: %q", refusal)
	}
	u.losesLetter()
	p.write("token", u.token(p))
	p.must(&after, "unlock", "--token-file", p.file("token"), "--new-password-file", p.file("password"))
	if after.State != "active" {
		t.Errorf("unlocked %+v", after)
	}
	p.must(nil, "open", "--pin-file", p.file("pin"))
	p.must(nil, "show", asked.ID)
	if state, refusal := p.approve(asked.ID, asked.MatchCode, "password"); state != "approved" {
		t.Errorf("after the unlock: %s %s", state, refusal)
	}
}

// losesLetter takes the letter away whose code was used, so that the next one
// ordered is the one that is found.
func (u *appUser) losesLetter() {
	u.t.Helper()
	files, err := filepath.Glob(filepath.Join(u.letters, "[^.]*.json"))
	if err != nil {
		u.t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			u.t.Fatal(err)
		}
		if strings.Contains(string(text), strconv.Quote(u.code)) {
			if err := os.Remove(file); err != nil {
				u.t.Fatal(err)
			}
		}
	}
	u.code = ""
}

// otherCode has as many digits, and each of them another.
func otherCode(code string) string {
	other := ""
	for _, digit := range code {
		other += strconv.Itoa(int(digit-'0'+1) % 10)
	}
	return other
}
