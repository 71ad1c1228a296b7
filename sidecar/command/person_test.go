package command_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/command"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/member"
)

// admin answers as Keycloak's Admin API of a realm with two accounts.
func admin(w http.ResponseWriter, r *http.Request) {
	accounts := map[string]string{"a123456780": "account-a", "x110411675": "account-x"}
	var answer any
	switch name := r.FormValue("username"); {
	case strings.HasSuffix(r.URL.Path, "/token"):
		claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"service"}`))
		answer = map[string]any{"access_token": "e30." + claims + ".x", "expires_in": 300}
	case strings.HasSuffix(r.URL.Path, "/users"):
		found := []any{}
		if id, ok := accounts[name]; ok {
			found = append(found, map[string]string{"id": id, "username": name})
		}
		answer = found
	case strings.HasSuffix(r.URL.Path, "/users/account-x"):
		answer = map[string]string{"id": "account-x", "username": "x110411675"}
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]string{"error": "User not found"}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// live stores something about two people: live DATABASE KEYS.
func live() {
	if err := liveIn(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func liveIn(ctx context.Context, database, keys string) error {
	ring, err := keyring.Load(keys)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+database, ring, time.Now)
	if err != nil {
		return err
	}
	for number, id := range map[member.KVNR]account.ID{"A123456780": "account-a", "X110411675": "account-x"} {
		about := extension.Subject{Number: number, Account: id}
		evidence := about
		evidence.Evidence = true
		_, taken := s.Counters("egk").Take(ctx, extension.Limit{Name: "wrong", Subject: string(id), Max: 3, Window: time.Hour})
		err = errors.Join(err, taken,
			s.Attempts(50).Create(ctx, flow.Record{
				Attempt: flow.Attempt{
					ID: flow.NewSecret().ID(), Flow: flow.Login, Client: "webcenter",
					Number: number, Account: id, Address: netip.MustParsePrefix("192.0.2.1/32"),
				},
				Status: flow.Open, Expires: time.Now().Add(time.Hour),
			}),
			s.Logins().RecordLogin(ctx, gate.Login{Session: account.SID("sid " + id), Account: id, Expires: time.Now().Add(time.Hour)}),
			s.Records("nect").About(about).Put(ctx, "case "+string(id), 0, json.RawMessage(`"hidden-content"`), time.Hour),
			s.Records("nect").About(evidence).Put(ctx, "evidence "+string(id), 0, json.RawMessage(`"hidden-content"`), time.Hour),
			s.Outbox("letter").About(about).Put(ctx, "order "+string(id), []byte("hidden-content"), time.Hour),
			register(ctx, s, number, id),
			s.Audit().Append(ctx, audit.Entry{Phase: audit.Fact, Action: "role.grant", Result: "ok", Person: id}),
		)
	}
	return errors.Join(err, s.Close())
}

// register stores a phone.
func register(ctx context.Context, s *store.Store, number member.KVNR, id account.ID) error {
	now, phone := time.Now(), devicetest.NewPhone()
	err := s.Permits().Give(ctx, device.Permit{
		Session: account.SID("sid " + id), Client: "app", Account: id, Number: number, Kinds: []string{device.ByNect},
		Thumbprint: devicetest.Public(phone.Key).Thumbprint(), Proof: "proof of " + string(id), Given: now, Expires: now.Add(device.PermitLife),
	})
	if err != nil {
		return err
	}
	_, err = s.Permits().Use(ctx, account.SID("sid "+id), "app", func(device.Permit, []device.Device) ([]device.Device, error) {
		d := phone.Device(id, number, now)
		d.Push = device.Push{Channel: "fcm", Token: "hidden-content"}
		return []device.Device{d}, nil
	})
	return err
}

// summary counts what show printed: summary FILE.
func summary() {
	var d struct {
		store.Held
		Incomplete string
	}
	raw, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	evidence := 0
	for _, r := range d.Records {
		if r.Evidence {
			evidence++
		}
	}
	fmt.Printf("attempts %d logins %d sessions %d records %d evidence %d counters %d messages %d phones %d audit %d\n", len(d.Attempts),
		len(d.Logins), len(d.Sessions), len(d.Records), evidence, len(d.Counters), len(d.Messages), len(d.Phones), d.Entries)
	for _, r := range d.Requests {
		fmt.Println("request", r.ID)
	}
}

// killed runs a program with the number on its standard input and kills it
// sooner and later, until it has nothing left to do. The last argument is the
// file with the program's last one: killed NUMBER PROGRAM … FILE
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: killed NUMBER PROGRAM ARGUMENTS… FILE")
	}
	kills, last := 0, len(args)-1
	args[last] = strings.TrimSpace(ts.ReadFile(args[last]))
	for wait := time.Millisecond; wait < time.Minute; wait += wait/8 + time.Millisecond {
		ctx, stop := context.WithTimeout(context.Background(), wait)
		cmd := exec.CommandContext(ctx, find(ts, args[1]), args[2:]...)
		cmd.Dir = ts.Getenv("WORK")
		cmd.Stdin = strings.NewReader(args[0])
		out, err := cmd.CombinedOutput()
		died := ctx.Err() != nil
		stop()
		// Killed after its last change it had nothing left to do.
		if err == nil || kills > 0 && strings.Contains(string(out), "it was carried out") {
			ts.Logf("killed %d times, then:\n%s", kills, out)
			return
		}
		if !died {
			ts.Fatalf("after %d kills: %v\n%s", kills, err, out)
		}
		kills++
	}
	ts.Fatalf("does not end")
}

func find(ts *testscript.TestScript, program string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, program); executable(path) {
			return path
		}
	}
	ts.Fatalf("no %s", program)
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func TestAReasonNamesNoNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"letter of 1 December 2026, file 4711": false,
		"file A123456789":                      true,
		"a 123 456 780":                        true,
		"KVNR:A-123-456-780.":                  true,
		"":                                     false,
		"Aktenzeichen 12345678901":             false,
	} {
		if got := command.NamesANumber(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
