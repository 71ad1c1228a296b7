package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

const recoverWords = "Passwort vergessen"

func TestAForgottenPasswordIsReplacedWithNect(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	g := a.guest(t, browser.Profile{})
	g.toNect(person, recoverWords)
	g.must(g.Press("Zu Nect"))
	g.showsOwn(person, "succeeded")
	g.asked(askNewAgain)
	g.chooses(chosenPassword, "Neues Passwort speichern")
	g.signsInFirst(person, chosenPassword)
	a.told(t, person, "password_changed")
}

func TestARecoveryByKeyboardAlone(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	g := a.guest(t, browser.Profile{})
	g.visit("/postfach/")
	g.walks(
		step{askNumber, "number", person.Number},
		step{askChoice, recoverWords, ""},
		step{askNect, "Jetzt mit Nect ausweisen", ""},
		step{askJump, "Zu Nect", ""},
	)
	g.showsOwn(person, "succeeded")
	g.choosesByKey(askNewAgain, person)
}

// Who had the old password and took an offline token with it has nothing any
// more when its owner recovers.
func TestARecoveryEndsOfflineTokens(t *testing.T) {
	a := openAnnexe(t)
	person := a.customer(t)
	v := a.visitor()
	app := visitor.App{Issuer: realmURL(), ID: "kundenapp", RedirectURI: "http://127.0.0.1/callback", HTTP: v.HTTPClient()}
	request := app.Begin(url.Values{"scope": {"openid offline_access"}})
	thief := &applicant{v, t, person, nil}
	thief.opens(request.URL)
	thief.answers("number", person.Number)
	thief.answers("wish", "sign_in")
	thief.at(askPassword)
	thief.page = submit(t, v, thief.page, "password", url.Values{"password": {person.Password}})
	thief.at(askDigits)
	form, err := ownForm(thief.page)
	if err != nil {
		t.Fatal(err)
	}
	thief.page, err = v.Submit(t.Context(), form, url.Values{"digits": {person.Digits}}, app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := app.Redeem(t.Context(), thief.page.Query("code"), request.Verifier)
	if err != nil || tokens.RefreshToken == "" {
		t.Fatalf("no tokens: %v %s", err, tokens.Error)
	}
	if tokens, err = app.Refresh(t.Context(), tokens.RefreshToken); err != nil || tokens.Error != "" {
		t.Fatalf("the offline token is no good from the beginning: %v %s", err, tokens.Error)
	}
	if claims, err := visitor.Claims(tokens.RefreshToken); err != nil || claims["typ"] != "Offline" {
		t.Fatalf("no offline token: %v, %v", claims["typ"], err)
	}

	if n := offlineSessions(t, person); n != 1 {
		t.Fatalf("%d offline sessions, want one", n)
	}

	owner := a.applies(t, person, "recover")
	owner.at(askNect)
	owner.answers("wish", "start")
	owner.at(askJump)
	attempt, one := owner.page.URL.String(), a.newestCase()
	a.shown(t, one, person)
	if err := returned(t.Context(), owner.Visitor, one); err != nil {
		t.Fatal(err)
	}
	owner.opens(attempt)
	owner.at(askNewAgain)
	if form, err = ownForm(owner.page); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Submit(t.Context(), form, url.Values{"password": {chosenPassword}, "again": {chosenPassword}}); err != nil {
		t.Fatal(err)
	}
	after, err := app.Refresh(t.Context(), tokens.RefreshToken)
	if err != nil || after.AccessToken != "" || after.Error != "invalid_grant" {
		t.Errorf("the offline token lives on: %v, status %d, %q", err, after.Status, after.Error)
	}
	if n := offlineSessions(t, person); n != 0 {
		t.Errorf("%d offline sessions live on at Keycloak", n)
	}
}

// offlineSessions counts those of the app.
func offlineSessions(t *testing.T, person stage.Person) int {
	t.Helper()
	one := func(path string) string {
		var found []struct{ ID string }
		if _, err := theatre.Keycloak.Admin.Do(t.Context(), http.MethodGet, path, nil, &found); err != nil || len(found) != 1 {
			t.Fatalf("%d found, %v", len(found), err)
		}
		return found[0].ID
	}
	path := "users/" + one("users?exact=true&username="+strings.ToLower(person.Number)) + "/offline-sessions/" + one("clients?clientId=kundenapp")
	var sessions []any
	if _, err := theatre.Keycloak.Admin.Do(t.Context(), http.MethodGet, path, nil, &sessions); err != nil {
		t.Fatal(err)
	}
	return len(sessions)
}
