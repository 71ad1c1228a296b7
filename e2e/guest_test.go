package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

// What pages ask. A changed text must be changed here: people learn it by heart.
const (
	askNumber   = "Wie lautet Ihre Versichertennummer?"
	askChoice   = "Was möchten Sie tun?"
	askPassword = "Wie lautet Ihr Passwort?"
	askDigits   = "Wie lauten die letzten vier Ziffern der Kennnummer Ihrer Karte?"
	sayInbox    = "Ihr Postfach"
)

// chromium is the one browser of the run; each guest has a profile of their own.
var chromium = sync.OnceValues(func() (*browser.Browser, error) {
	pictures, err := picturesFolder()
	if err != nil {
		return nil, err
	}
	return browser.Launch(context.Background(), pictures)
})

func picturesFolder() (string, error) {
	if folder := os.Getenv("SCHLEUSE_PICTURES"); folder != "" {
		return folder, nil
	}
	root, err := stage.Root()
	return filepath.Join(root, "e2e", "screenshots"), err
}

// guest is a person at a browser. Whatever does not happen ends the test with
// what stood on the page.
type guest struct {
	*browser.Tab
	t *testing.T
}

func newGuest(t *testing.T, profile browser.Profile) guest {
	t.Helper()
	b, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	tab, err := b.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	return guest{tab, t}
}

func (g guest) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// visit goes to a page of the WebCenter.
func (g guest) visit(path string) { g.t.Helper(); g.must(g.Go(theatre.Ports.SiteURL() + path)) }

// asked waits for the page with this question.
func (g guest) asked(question string) { g.t.Helper(); g.must(g.See(question)) }

// number answers the first page.
func (g guest) number(number string) {
	g.t.Helper()
	g.asked(askNumber)
	g.must(g.Type("number", number))
	g.must(g.Press("Weiter"))
}

// wantsToSignIn answers the choice.
func (g guest) wantsToSignIn() { g.t.Helper(); g.asked(askChoice); g.must(g.Press("Anmelden")) }

// password answers Keycloak's page.
func (g guest) password(password string) {
	g.t.Helper()
	g.asked(askPassword)
	g.must(g.Type("password", password))
	g.must(g.Press("Anmelden"))
}

// digits answers the card page.
func (g guest) digits(digits string) {
	g.t.Helper()
	g.asked(askDigits)
	g.must(g.Type("digits", digits))
	g.must(g.Press("Ziffern prüfen"))
}

// toTheCard is the way from the WebCenter to the card page.
func (g guest) toTheCard(person stage.Person) {
	g.t.Helper()
	g.visit("/postfach/")
	g.number(person.Number)
	g.wantsToSignIn()
	g.password(person.Password)
	g.asked(askDigits)
}

// inside waits for the WebCenter's inbox, the page that was wanted.
func (g guest) inside() {
	g.t.Helper()
	g.must(g.At(theatre.Ports.SiteURL() + "/postfach/"))
	g.asked(sayInbox)
}

// owns says whether the browser holds an identity cookie of Keycloak.
func (g guest) owns(cookie string) bool {
	g.t.Helper()
	names, err := g.Cookies()
	g.must(err)
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, " "+cookie) })
}

// looksGood takes a picture and lets the accessibility checker look.
func (g guest) looksGood(name string) {
	g.t.Helper()
	g.must(g.Picture(name))
	cache, err := stage.OpenCache(stage.Progress{})
	g.must(err)
	findings, err := g.Axe(cache.Dir)
	g.must(err)
	for _, finding := range findings {
		g.t.Errorf("%s: %s", name, finding)
	}
	overflows, err := g.Overflows()
	g.must(err)
	if overflows {
		g.t.Errorf("%s: wider than the window", name)
	}
}
