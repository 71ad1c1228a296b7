package web_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// samples are all core pages, and one of an extension in its states.
func samples() map[string]web.Page {
	at := noon()
	ways := []web.Link{{Href: "/schleuse/attempts/x/ways", Key: "way.other"}, {Href: "/staff", Key: "way.staff"}}
	return map[string]web.Page{
		"ask":              {Set: "demo", Name: "ask", Data: typed{"Erika", ""}, Step: 2, Steps: 3, Ways: ways},
		"ask-wrong":        {Set: "demo", Name: "ask", Data: typed{"Erika", "4711"}, Step: 2, Steps: 3, Ways: ways, Problems: []flow.Problem{{Field: "digits", Key: "tries", Args: map[string]any{"Count": 2}}}},
		"show":             {Set: "demo", Name: "show", Data: shown{"https://ident.example/case?id=0123456789abcdef", "471108"}},
		"show-wrong":       {Set: "demo", Name: "show", Data: shown{"https://ident.example/case?id=0123456789abcdef", "471108"}, Problems: []flow.Problem{{Field: "password", Key: "tries", Args: map[string]any{"Count": 2}}}},
		"ask-until":        {Set: "demo", Name: "ask", Data: typed{"Erika", ""}, Until: noon().Add(40 * time.Minute), More: true},
		"ask-soon":         {Set: "demo", Name: "ask", Data: typed{"Erika", ""}, Until: noon().Add(4 * time.Minute), More: true, Ways: ways},
		"choice-until":     {Name: "ways", Data: offers(), Until: noon().Add(40 * time.Minute)},
		"denied":           {Set: "demo", Name: "denied", Data: web.Denied{Key: "no_card"}},
		"denied-bare":      {Name: "denied", Data: web.Denied{Key: "nothing_proven"}},
		"denied-wait":      {Set: "demo", Name: "denied", Data: web.Denied{Key: "wait", Wait: 23 * time.Hour}, Ways: ways},
		"choice-none":      {Name: "ways", Data: offers()[1:2], Ways: []web.Link{{Href: "/", Key: "way.back"}}},
		"done":             web.Done("/"),
		"signed-out":       {Name: "signed-out", Next: "/"},
		"site-sign-out":    {Name: "site-sign-out"},
		"site-signing-out": {Name: "site-signing-out", Action: "/logout", Hidden: []web.Field{{Name: "id_token_hint", Value: "x"}}, Fixed: true},
		"site-not-sent":    {Name: "site-not-sent", Next: "/antrag", Fixed: true},
		"site-login-again": {Name: "site-login-again", Next: "/", Fixed: true},
		"choice-ways":      {Name: "ways", Data: offers(), Ways: []web.Link{{Href: "/", Key: "way.back"}}},
		"authenticators": {Name: "authenticators", Data: []web.Reviewed{
			{ID: "a1", Type: "otp", Label: "Mein Handy", Created: at, Keep: true},
			{ID: "b2", Type: "webauthn-passwordless", Label: "Büro-PC", Created: at.AddDate(0, 6, 2)},
			{ID: "c3", Type: "something-new", Created: at},
		}},
	}
}

func offers() []web.Way {
	return []web.Way{
		{Set: "demo", Step: "egk", Offer: flow.Offer{Available: true, Title: "kind.old", Needs: "digits.hint", Takes: "ask.once"}},
		{Set: "demo", Step: "letter", Offer: flow.Offer{Title: "kind.new", Reason: "no_card"}},
		{Set: "demo", Step: "hidden", Offer: flow.Offer{Title: "keep.label"}},
	}
}

// gallery serves the samples by name, and failures.
func gallery(t *testing.T, p *web.Pages) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(web.AssetsPath, p.Assets())
	mux.Handle(web.LanguagePath, p.SwitchLanguage())
	for name, page := range samples() {
		page.Refresh = 0 // a picture of a page that has gone on shows nothing
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { p.Render(w, r, page) })
	}
	for name, failure := range failures() {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			p.Error(w, r, failure, web.Link{Href: "/ask", Key: "way.start"})
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// failures are one of every kind, with and without a text and a time of its own.
func failures() map[string]*fault.Error {
	all := map[string]*fault.Error{
		"error-later":       {Kind: fault.Unavailable, Key: "later", Retry: 2 * time.Minute},
		"error-busy":        {Kind: fault.TooMany, Key: "too_many_attempts", Retry: 10 * time.Minute},
		"error-cookies":     {Kind: fault.Invalid, Key: "cookies"},
		"error-attempt":     {Kind: fault.Gone, Key: "attempt_gone"},
		"error-other":       {Kind: fault.Forbidden, Key: "other_person"},
		"error-signed-in":   {Kind: fault.Conflict, Key: "signed_in_as_other"},
		"error-not-here":    {Kind: fault.Forbidden, Key: "not_possible"},
		"error-identify":    {Kind: fault.Forbidden, Key: "not_identified"},
		"error-other-page":  {Kind: fault.Forbidden, Key: "other_origin"},
		"error-without-key": {Kind: fault.Internal},
	}
	for kind, name := range map[fault.Kind]string{
		fault.Invalid: "400", fault.Unauthenticated: "401", fault.Forbidden: "403", fault.NotFound: "404",
		fault.Conflict: "409", fault.Gone: "410", fault.TooLarge: "413", fault.TooMany: "429",
		fault.Internal: "500", fault.BadUpstream: "502", fault.Unavailable: "503", fault.Timeout: "504",
	} {
		all["error-"+name] = &fault.Error{Kind: kind}
	}
	return all
}

// TestPagesInABrowser looks at every page as people do. With SCHLEUSE_PAGES
// set to a folder, the pictures stay there.
func TestPagesInABrowser(t *testing.T) {
	cache, err := stage.OpenCache(stage.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := browser.Launch(t.Context(), os.Getenv("SCHLEUSE_PAGES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	address := gallery(t, open(t))
	names := slices.Concat(slices.Collect(maps.Keys(failures())), slices.Collect(maps.Keys(samples())))
	for kind, profile := range map[string]browser.Profile{
		"phone": {Width: 320, Height: 600}, "phone-dark": {Width: 320, Height: 600, Dark: true, Language: "en"}, "desktop": {},
	} {
		t.Run(kind, func(t *testing.T) {
			tab, err := b.Open(profile)
			if err != nil {
				t.Fatal(err)
			}
			defer tab.Close()
			for _, name := range names {
				if kind != "phone" && name != "error-later" && strings.HasPrefix(name, "error-") {
					continue // all have one layout: it is the words that differ
				}
				look(t, tab, cache.Dir, address+"/"+name, name+"-"+kind)
			}
		})
	}
}

func look(t *testing.T, tab *browser.Tab, cache, address, picture string) {
	t.Helper()
	if err := tab.Go(address); err != nil {
		t.Fatal(err)
	}
	if err := tab.Picture(picture); err != nil {
		t.Error(err)
	}
	if wide, err := tab.Overflows(); err != nil || wide {
		t.Errorf("%s is wider than the window (%v)", picture, err)
	}
	findings, err := tab.Axe(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("%s: %v", picture, f)
	}
	focused, err := tab.Focused()
	if err != nil {
		t.Fatal(err)
	}
	if wrong := strings.Contains(picture, "-wrong"); wrong != strings.HasPrefix(focused, "DIV#") {
		t.Errorf("%s: the focus is at %q; the summary has it exactly when something is wrong", picture, focused)
	}
}

func TestLanguageIsSwitchedInABrowser(t *testing.T) {
	b, err := browser.Launch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	tab, err := b.Open(browser.Profile{NoScript: true})
	if err != nil {
		t.Fatal(err)
	}
	address := gallery(t, open(t))
	for _, do := range []func() error{
		func() error { return tab.Go(address + "/ask?state=a%26b") },
		func() error { return tab.See("Wie lauten die Ziffern?") },
		func() error { return tab.Press("English") },
		func() error { return tab.See("Which digits?") },
		func() error { return tab.At(address + "/ask?state=a%26b") },
		func() error { return tab.Reload() },
		func() error { return tab.See("Which digits?") },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}
