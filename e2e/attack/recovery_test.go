package attack_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// recovering is a Schleuse at which people get a new password by letter.
type recovering struct {
	port    int
	letters string // folder of the print orders
}

var openedRecovery = sync.OnceValues(func() (*recovering, error) {
	ports, err := stage.FreePorts()
	if err != nil {
		return nil, err
	}
	// Nobody goes to Nect in the attacks: it only has to be there in the flow.
	_, err = here.start(context.Background(), "recovering", play.Spec{
		Port: ports.Gate(), Internal: ports.Internal(), NectURL: ports.NectURL(),
	}, "")
	return &recovering{ports.Gate(), filepath.Join(here.Dir, "recovering", play.LettersFolder)}, err
})

// letter waits for the code that is posted to this number.
func (r *recovering) letter(t *testing.T, number string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(r.letters, "[^.]*.json")) // a dot: still being written
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			var order struct {
				Data struct{ Number, Code string }
			}
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &order)
			}
			if err != nil {
				t.Fatal(err)
			}
			if order.Data.Number == number && order.Data.Code != "" {
				return order.Data.Code
			}
		}
	}
	t.Fatal("no letter was ordered")
	return ""
}

// answers sends the form that Schleuse itself has made, with one field filled
// in, or one button pressed.
func (s *scene) answers(page *visitor.Page, field, value string) *visitor.Page {
	s.Helper()
	form, err := page.Form("schleuse_request")
	if err != nil {
		form = s.form(page, "schleuse_step")
	}
	return s.submit(form, url.Values{field: {value}})
}

// recovers gets the owner a new password, by a letter to their address.
func (s *scene) recovers(r *recovering) {
	s.Helper()
	owner := *s
	owner.at(r.port, "attack-web")
	target, _ := owner.begin(nil)
	page := owner.answers(owner.get(target), "number", s.person.Number)
	for _, answer := range [][2]string{{"wish", "recover"}, {"schleuse_ways", "1"}, {"way", "letter"}, {"wish", "order"}, {"wish", "code"}} {
		page = owner.answers(page, answer[0], answer[1])
	}
	page = owner.answers(page, "code", r.letter(s.T, s.person.Number))
	owner.form(page, "again")
	form := owner.form(page, "schleuse_step")
	page = owner.submit(form, url.Values{"password": {ownersPassword}, "again": {ownersPassword}})
	if page = owner.submit(owner.form(page, "password"), url.Values{"password": {ownersPassword}}); owner.review(page).Query("code") == "" {
		s.Fatalf("the owner does not get in: %s", page.Text())
	}
}

// TestAThiefWhoWaitsInKeycloakIsOvertakenByARecovery: the same thief, and an
// owner who gets a new password by identifying themselves.
func TestAThiefWhoWaitsInKeycloakIsOvertakenByARecovery(t *testing.T) {
	r, err := openedRecovery()
	if err != nil {
		t.Fatal(err)
	}
	for name, how := range lurkers() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, how.client)
			s.at(r.port, how.client)
			s.overtakes(how, func() { s.recovers(r) })
		})
	}
}
