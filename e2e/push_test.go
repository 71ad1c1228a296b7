package e2e_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/push"
	"github.com/schleuse/schleuse/sidecar/client"
)

// pushing adds the notifiers that wake phones at simulated services.
func pushing(services *push.Running) func([]byte) []byte {
	list := fmt.Sprintf("notifiers:\n  - kind: fcm\n    config: {service_account_file: %s, base_url: %q}\n", services.AccountFile, services.FCMURL)
	return func(configuration []byte) []byte {
		return bytes.Replace(configuration, []byte("notifiers:\n"), []byte(list), 1)
	}
}

// TestAPushWakesThePhone, says nothing of the person, and a phone that is gone
// is pushed to no more. Without any push the inbox tells it all the same.
func TestAPushWakesThePhone(t *testing.T) {
	openAnnexe(t) // it has the mailbox
	services, err := push.Start(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	m := newReplica(t, play.Spec{NectURL: theatre.Ports.NectURL(), Edit: pushing(services)}, nil)
	u := m.identified()
	p, backend := u.phone(), u.backend()
	token := strings.Repeat("telefon:", 4) + "APA91b"
	if err := p.RegisterPush(t.Context(), "fcm", token); err != nil {
		t.Fatal(err)
	}
	ask := func(to string) client.Approval {
		q := u.address(to)
		q.Session = "one"
		asked, err := backend.Ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return asked
	}
	arrived := func(n int) []push.Message {
		for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if got := services.FCM.Messages(); len(got) >= n {
				return got
			}
		}
		t.Fatalf("%d pushes arrived, want %d; refused: %v", len(services.FCM.Messages()), n, services.FCM.Refusals())
		return nil
	}
	asked := ask("Neue Straße 8")
	got := arrived(1)[0]
	if got.Token != token || !bytes.Contains(got.Body, []byte(asked.ID)) {
		t.Errorf("the push is %+v", got)
	}
	for _, secret := range []string{u.person.Number, "Straße", asked.MatchCode + `"`} {
		if bytes.Contains(got.Body, []byte(secret)) {
			t.Errorf("the push says %q: %s", secret, got.Body)
		}
	}
	services.FCM.Fail(push.Gone, 1)
	ask("Neue Straße 9")
	for deadline := time.Now().Add(browser.Patience); ; time.Sleep(50 * time.Millisecond) {
		self, err := p.Self(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if self.PushChannel == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the token that is gone stays registered")
		}
	}
	last := ask("Neue Straße 10")
	if inbox, err := p.Inbox(t.Context(), 0, ""); err != nil || inbox.Count != 1 || inbox.Requests[0].ID != last.ID {
		t.Errorf("without pushes the inbox is %+v, %v", inbox, err)
	}
}
