package attack_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// misled are the ways in which somebody with the posted password of the scene's
// person waits, and lets the gate hear of an account of their own.
func misled() map[string]func(s *scene, own person) *lurking {
	return map[string]func(s *scene, own person) *lurking{
		"as it is": func(s *scene, _ person) *lurking { return s.lurks(false, "") },
		"with a handle beside the password": func(s *scene, own person) *lurking {
			return s.lurksWith(false, url.Values{
				"username": {s.person.Number}, "password": {s.person.Password},
				"userHandle": {base64.RawURLEncoding.EncodeToString([]byte(own.ID))},
			})
		},
		"by two cookies for one tab": (*scene).lurksByTwoCookies,
	}
}

// lurksByTwoCookies opens the tab under a number of their own, loses the cookie,
// types the person's, and puts the first cookie back.
func (s *scene) lurksByTwoCookies(own person) *lurking {
	s.Helper()
	target, _ := s.begin(nil)
	page := s.wish(s.submit(s.form(s.get(target), "number"), url.Values{"number": {own.Number}}))
	const name = "__Host-schleuse-number"
	first, ok := s.v.Cookie(realm()+"/", name)
	if !ok {
		s.Fatal("no cookie")
	}
	l := &lurking{scene: s, form: s.form(page, "password")}
	l.dropNumber()
	page = l.submit(visitor.Form{Action: l.tab(), Method: http.MethodPost, Fields: url.Values{"x": {"y"}}}, nil)
	page = s.wish(s.submit(s.form(page, "number"), url.Values{"number": {s.person.Number}}))
	form := s.form(page, "password")
	l.login = form.Action
	l.form = s.demanded(s.submit(form, url.Values{"username": {s.person.Number}, "password": {s.person.Password}}))
	if err := s.v.SetCookie(realm()+"/", name, first); err != nil {
		s.Fatal(err)
	}
	l.names(own.Number)
	return l
}

// thiefsAnswer fills in whatever a demanded action asks for.
func thiefsAnswer() url.Values {
	answer := choosing(thiefsPassword)
	answer.Set("email", "dieb-"+random()+"@kasse.example")
	answer.Set("firstName", "A")
	answer.Set("lastName", "B")
	return answer
}

// goesOn sends whatever forms Keycloak shows behind an action, to the end.
func (s *scene) goesOn(page *visitor.Page) *visitor.Page {
	s.Helper()
	for range 3 {
		switch {
		case s.has(page, "password-new"):
			page = s.submit(s.form(page, "password-new"), choosing(thiefsPassword))
		case s.has(page, "email"):
			page = s.submit(s.form(page, "email"), thiefsAnswer())
		case s.has(page, "code"):
			page = s.agree(page)
		}
	}
	return page
}

func (s *scene) has(page *visitor.Page, field string) bool {
	_, err := page.Form(field)
	return err == nil
}

// TestNoPageBehindAnActionHidesAThief: where the answer to the thief's form
// signs nobody in, because the client asks for consent or a second action is
// demanded, the owner keeps the account all the same.
func TestNoPageBehindAnActionHidesAThief(t *testing.T) {
	for client, actions := range map[string][]string{
		"attack-consent": {"UPDATE_PASSWORD"}, "attack-web": {"UPDATE_PROFILE", "UPDATE_PASSWORD"},
	} {
		for name, lurks := range misled() {
			t.Run(client+" "+name, func(t *testing.T) {
				s := newScene(t, client)
				requires(actions...)(s)
				thief := lurks(s, newPerson(t))
				requires([]string{}...)(s)
				s.owner()
				requires(actions...)(s)
				if page := s.goesOn(thief.submit(thief.form, thiefsAnswer())); page.Query("code") != "" {
					t.Error("the thief got a code")
				}
				requires([]string{}...)(s)
				if leaks := s.recorder.leaks(); len(leaks) > 0 {
					t.Errorf("the thief got %v", leaks)
				}
				s.isTheOwners()
			})
		}
	}
}

// TestAThiefAtThePageBehindTheirActionIsOvertaken: the thief has chosen a
// password, and waits at the next page until the owner has another one.
func TestAThiefAtThePageBehindTheirActionIsOvertaken(t *testing.T) {
	for client, actions := range map[string][]string{
		"attack-consent": {"UPDATE_PASSWORD"}, "attack-web": {"UPDATE_PROFILE", "UPDATE_PASSWORD"},
	} {
		t.Run(client, func(t *testing.T) {
			s := newScene(t, client)
			requires(actions...)(s)
			thief := s.lurks(false, "")
			page := thief.submit(thief.form, thiefsAnswer())
			if !s.has(page, "password-new") && !s.has(page, "code") {
				t.Fatalf("no page behind: %s", page.Text())
			}
			requires([]string{}...)(s)
			s.owner()
			if page = s.goesOn(page); page.Query("code") != "" {
				t.Error("the thief got a code")
			}
			if leaks := s.recorder.leaks(); len(leaks) > 0 {
				t.Errorf("the thief got %v", leaks)
			}
			s.isTheOwners()
		})
	}
}

// TestAStrangerShutsNobodyOut: who names somebody at a demanded action of their
// own has shown no secret of theirs, and changes nothing for them.
func TestAStrangerShutsNobodyOut(t *testing.T) {
	victim := newScene(t, "attack-web", "identified")
	target, _ := victim.begin(nil)
	if page := victim.login(target); page.Query("code") == "" {
		t.Fatalf("the victim is not in: %s", page.Text())
	}
	waits := victim.elsewhere(victim.person.Password)
	target, _ = waits.begin(nil)
	page := waits.wish(waits.submit(waits.form(waits.get(target), "number"), url.Values{"number": {victim.person.Number}}))
	for range 2 { // the second time the victim counts as changed, if the first was believed
		s := newScene(t, "attack-plain")
		requires("UPDATE_PASSWORD")(s)
		stranger := s.lurks(false, "")
		stranger.names(victim.person.Number)
		stranger.submit(stranger.form, choosing(thiefsPassword))
	}
	if n := victim.sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if page = waits.submit(waits.form(page, "password"), url.Values{"username": {victim.person.Number}, "password": {victim.person.Password}}); page.Query("code") == "" {
		t.Errorf("the victim's right password gives %d %s", page.Status, page.Text())
	}
}
