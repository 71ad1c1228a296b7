package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

func TestAPageSaysHowLongItIsGood(t *testing.T) {
	p := open(t)
	for name, tt := range map[string]struct {
		page web.Page
		want []string
		not  string
	}{
		"extensible": {samples()["ask-until"], []string{
			`data-left="2400"`, "Sie haben bis 14:40 Uhr Zeit.", `<form class="form" id="form"`,
			`<button class="kern-btn kern-btn--secondary go" type="submit" form="form" name="schleuse_more" value="1" formnovalidate>`,
		}, `<form id="form"`},
		"fixed":          {samples()["choice-until"], []string{"Sie haben bis 14:40 Uhr Zeit."}, "schleuse_more"},
		"without a form": {web.Page{Name: "done", Next: "/", Until: noon().Add(time.Hour), More: true, Action: "/x"}, []string{`<form id="form" method="post" action="/x">`}, `class="form"`},
		"tomorrow":       {web.Page{Name: "done", Next: "/", Until: noon().Add(19 * time.Hour)}, []string{"Sie haben bis 5.5.2026, 09:00 Uhr Zeit."}, "schleuse_more"},
		"far off":        {web.Page{Name: "done", Next: "/", Until: noon().Add(20 * time.Hour)}, nil, "data-left"},
		"past":           {web.Page{Name: "done", Next: "/", Until: noon().Add(-time.Minute), More: true}, nil, "data-left"},
		"without limit":  {web.Page{Name: "done", Next: "/", More: true}, nil, "data-left"},
	} {
		body := get(p, "/", tt.page).Body.String()
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %s:\n%s", name, want, body)
			}
		}
		if strings.Contains(body, tt.not) {
			t.Errorf("%s: the page has %s", name, tt.not)
		}
	}
}

// The form's first button answers when somebody presses Enter (HTML standard,
// implicit submission): that must not be the one for more time.
func TestEnterAnswersThePage(t *testing.T) {
	body := get(open(t), "/", samples()["ask-until"]).Body.String()
	if answer, more := strings.Index(body, "Ziffern prüfen"), strings.Index(body, "Mehr Zeit"); answer < 0 || more < answer {
		t.Errorf("the answer's button is at %d, that for more time at %d", answer, more)
	}
}

func TestWhatWasTypedStaysWithMoreTime(t *testing.T) {
	page := samples()["ask-until"]
	page.Typed = url.Values{"digits": {`12"`}, "kind": {"old"}}
	body := get(open(t), "/", page).Body.String()
	for _, want := range []string{`name="digits" type="text" value="12&#34;"`, `value="old" checked`, `name="keep" value="yes">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	page = samples()["authenticators"]
	page.Typed = url.Values{"keep": {"b2"}}
	if body = get(open(t), "/", page).Body.String(); strings.Count(body, " checked") != 1 || !strings.Contains(body, `value="b2" checked`) {
		t.Errorf("other boxes are checked than the person checked:\n%s", body)
	}
	page = samples()["show"]
	page.Typed = url.Values{"pin": {"471"}, "password": {"secret"}}
	body = get(open(t), "/", page).Body.String()
	if !strings.Contains(body, `value="471"`) || strings.Contains(body, "secret") {
		t.Errorf("the code is lost, or the password is sent back:\n%s", body)
	}
}

func TestTheEndIsAnnouncedInABrowser(t *testing.T) {
	b, err := browser.Launch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	late := open(t)
	late.Now = func() time.Time { return noon().Add(4*time.Minute - time.Second) }
	address, lateAddress := gallery(t, open(t)), gallery(t, late)
	tab, err := b.Open(browser.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { return tab.Go(address + "/ask-soon") },
		func() error { return tab.See("Ihre Zeit läuft um 14:04 Uhr ab.") },
		func() error { return tab.Go(lateAddress + "/ask-soon") },
		func() error { return tab.See("Ihre Zeit ist abgelaufen.") },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}
