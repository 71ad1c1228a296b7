package devices_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	phones "github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/device/commandline"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
)

// The whole life of a phone, from a shell.
func TestAPhoneOnTheCommandLine(t *testing.T) {
	w := newWorld(t)
	state := filepath.Join(t.TempDir(), "phone.json")
	run := func(want int, args ...string) string {
		t.Helper()
		var out, complaints bytes.Buffer
		if code := commandline.Run(t.Context(), append([]string{"--state", state}, args...), &out, &complaints); code != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, code, want, &complaints)
		}
		return out.String() + complaints.String()
	}
	field := func(text string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	sid := w.Realm.SignIn(erika)
	run(2, "fly")
	run(2, "show")
	run(2, "self", "x")
	run(2, "self", "--wings")
	if help := run(0, "--help"); !strings.Contains(help, "approve ID") {
		t.Errorf("help: %s", help)
	}
	run(1, "self") // no phone yet
	var asked struct {
		Key string `json:"dpop_jkt"`
	}
	field(run(0, "key", "--base", w.base), &asked)
	made, err := phones.Load(state)
	w.ok(err)
	if want := made.Key.Public().Thumbprint(); asked.Key != want {
		t.Errorf("key %q, want %q", asked.Key, want)
	}
	w.permit(made, sid)
	run(0, "enrol", "--base", w.base, "--token", w.token(erika, sid, nil), "--password", password, "--name", "Skript")
	run(0, "pin", "--password", password, "--new", pin)
	run(0, "rotate", "--password", password)
	w.Pass(w.service.Settings.CoolDown)

	a := w.ask()
	var inbox phones.Inbox
	field(run(0, "inbox", "--pin", pin), &inbox)
	if inbox.Count != 1 || inbox.Requests[0].Action != approvaltest.Address {
		t.Fatalf("inbox %+v", inbox)
	}
	if text := run(1, "show", string(a.ID)); !strings.Contains(text, "app_locked") {
		t.Errorf("without the PIN: %s", text)
	}
	var shown phones.Request
	field(run(0, "show", string(a.ID), "--pin", pin), &shown)
	if shown.Fields[1].Value != "Am Deich 1, 26721 Emden" {
		t.Errorf("shown %+v", shown)
	}
	run(0, "biometric", "--password", password)
	run(0, "approve", string(a.ID), "--code", a.MatchCode, "--password", password)
	if got := w.state(a.ID); got != approval.Approved {
		t.Errorf("the request is %s", got)
	}
	run(0, "passwd", "--password", password, "--new", "Ebbe und Flut")
	b := w.ask()
	run(0, "deny", string(b.ID))
	c := w.ask2(t)
	run(0, "report", string(c))
	if w.carry() != 1 {
		t.Error("the report did nothing")
	}
	run(0, "login-password", "--password", "Ebbe und Flut", "--new", "Siel und Watt 7")
	var past []phones.Waiting
	field(run(0, "history"), &past)
	if len(past) != 3 || past[0].Reason != "not_me" {
		t.Errorf("history %+v", past)
	}
	run(0, "rename", "--name", "Altes Skript")
	if text := run(0, "list"); !strings.Contains(text, "Altes Skript") {
		t.Errorf("list: %s", text)
	}
	run(0, "block")
	if text := run(1, "self"); !strings.Contains(text, "device_unknown") {
		t.Errorf("after the block: %s", text)
	}
}

// ask2 asks for another action, which no denial of the first one slows.
func (w *world) ask2(t *testing.T) approval.ID {
	t.Helper()
	a, _, err := w.Request(t.Context(), approval.Request{
		Client: approvaltest.Backend, Number: approvaltest.Number, Action: approvaltest.Letters, Key: string(approval.NewID()),
		Content: approval.HashOf([]byte("by mail")), Fields: map[string]string{"weg": "E-Mail"},
	})
	w.ok(err)
	return a.ID
}
