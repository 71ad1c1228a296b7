package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

const (
	register    = "Zum ersten Mal registrieren"
	sayInTheApp = "In der App angekommen"
)

// goesToNect shows the person's own document, from the page before Nect to the
// page for the password.
func (g guest) goesToNect(person stage.Person) {
	g.t.Helper()
	g.asked(askNect)
	g.must(g.Press("Jetzt mit Nect ausweisen"))
	g.asked(askJump)
	g.must(g.Press("Zu Nect"))
	g.showsOwn(person, "succeeded")
	g.asked(askNew)
}

func TestARegistrationWithNectWithoutJavaScript(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{NoScript: true})
	g.visit("/postfach/")
	g.number(person.Number)
	g.wants(register)
	g.goesToNect(person)
	g.must(g.Picture("registration-without-javascript"))
	g.chooses(chosenPassword, "Konto anlegen")
	g.signsInFirst(person, chosenPassword)
}

func TestARegistrationByKeyboardAlone(t *testing.T) {
	a := openAnnexe(t)
	person := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.visit("/postfach/")
	g.walks(
		step{askNumber, "number", person.Number},
		step{askChoice, register, ""},
		step{askNect, "Jetzt mit Nect ausweisen", ""},
		step{askJump, "Zu Nect", ""},
	)
	g.showsOwn(person, "succeeded")
	g.choosesByKey(askNew, person)
}

// listener is where a native app waits on the loopback for its answer (RFC 8252).
type listener struct {
	*httptest.Server
	answers chan url.Values
}

func listen(t *testing.T) listener {
	t.Helper()
	l := listener{answers: make(chan url.Values, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<h1>%s</h1>", sayInTheApp)
		l.answers <- r.URL.Query()
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

// appDoor is where an app is told the answer to its request.
type appDoor struct {
	uri    string
	answer func(guest) url.Values
}

// appDoors are those that RFC 8252 knows for apps: a listener on the loopback,
// and a scheme that is the app's own.
func appDoors(t *testing.T) map[string]appDoor {
	l := listen(t)
	return map[string]appDoor{
		"loopback": {l.URL + "/callback", func(g guest) url.Values { g.asked(sayInTheApp); return <-l.answers }},
		"own scheme": {"kundenapp://callback", func(g guest) url.Values {
			g.t.Helper()
			address, err := g.Handed()
			g.must(err)
			u, err := url.Parse(address)
			g.must(err)
			if got := u.Scheme + "://" + u.Host; got != "kundenapp://callback" {
				g.t.Errorf("the app is opened at %s", got)
			}
			return u.Query()
		}},
	}
}

// An app opens the system's browser for somebody without an account, and gets
// its code when they have registered and signed in there.
func TestARegistrationThatAnAppBegan(t *testing.T) {
	for name, door := range appDoors(t) {
		for script, profile := range map[string]browser.Profile{
			"with script": {Width: 360, Height: 740}, "without script": {Width: 360, Height: 740, NoScript: true},
		} {
			t.Run(name+", "+script, func(t *testing.T) {
				a := openAnnexe(t)
				person := a.newcomer(t)
				app := visitor.App{Issuer: realmURL(), ID: "kundenapp", RedirectURI: door.uri, HTTP: a.visitor().HTTPClient()}
				request := app.Begin(nil)
				g := a.guest(t, profile)
				g.must(g.Go(request.URL))
				g.number(person.Number)
				g.wants(register)
				g.goesToNect(person)
				g.chooses(chosenPassword, "Konto anlegen")
				g.asked(askPassword)
				g.must(g.Type("password", chosenPassword+"\r"))
				signedIn(t, app, request, person, door.answer(g))
			})
		}
	}
}

// Whoever has an account and is asked for the card in between comes back to the
// app as well: the card's page may send its form to the gate alone.
func TestALoginThatAnAppBegan(t *testing.T) {
	for name, door := range appDoors(t) {
		for script, profile := range map[string]browser.Profile{"with script": {}, "without script": {NoScript: true}} {
			t.Run(name+", "+script, func(t *testing.T) {
				a := openAnnexe(t)
				person := a.customer(t)
				app := visitor.App{Issuer: realmURL(), ID: "kundenapp", RedirectURI: door.uri, HTTP: a.visitor().HTTPClient()}
				request := app.Begin(nil)
				g := a.guest(t, profile)
				g.must(g.Go(request.URL))
				g.number(person.Number)
				g.wantsToSignIn()
				g.password(person.Password)
				g.asked(askDigits)
				g.must(g.Type("digits", person.Digits+"\r"))
				signedIn(t, app, request, person, door.answer(g))
			})
		}
	}
}

// signedIn demands that the app gets tokens of this person for its answer.
func signedIn(t *testing.T, app visitor.App, request visitor.Request, person stage.Person, answer url.Values) {
	t.Helper()
	if answer.Get("state") != request.State || answer.Get("error") != "" {
		t.Fatalf("the app's answer is not to its request: %v", answer.Get("error"))
	}
	tokens, err := app.Redeem(t.Context(), answer.Get("code"), request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Fatalf("the app got no tokens: %v %s", err, tokens.Error)
	}
	claims, err := visitor.Claims(tokens.AccessToken)
	if err != nil || claims["preferred_username"] != strings.ToLower(person.Number) {
		t.Errorf("the tokens are not the person's: %v", err)
	}
	if !identified(t, person) {
		t.Error("the person is not identified at Keycloak")
	}
}

// hearsLogOuts leads the word of a log-out to the annexe while the test runs.
// Keycloak sends it to the site's address, where the house listens.
func (a *annexe) hearsLogOuts(t *testing.T) {
	t.Helper()
	doors := &url.URL{Scheme: "http", Host: a.doors}
	site := strings.TrimPrefix(theatre.Ports.SiteURL(), "http://")
	relay := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(doors)
		r.Out.Host = site
	}})
	t.Cleanup(relay.Close)
	registered := theatre.Ports.SiteURL() + "/schleuse/backchannel-logout"
	ctx := context.WithoutCancel(t.Context())
	lead := func(to string) error {
		return theatre.Keycloak.Admin.EditClient(ctx, "webcenter", func(client map[string]any) {
			if attributes, ok := client["attributes"].(map[string]any); ok {
				attributes["backchannel.logout.url"] = to
			}
		})
	}
	if err := lead(strings.Replace(registered, theatre.Ports.SiteURL(), relay.URL, 1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lead(registered); err != nil {
			t.Error(err)
		}
	})
}
