package gate_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// speak presses the button for another language.
func (b *browser) speak(page response, language string) response {
	b.t.Helper()
	_, rest, ok := strings.Cut(page.Body.String(), `<form class="switch"`)
	form, _, _ := strings.Cut(rest, "</form>")
	if !ok || !strings.Contains(form, `name="schleuse_lang" value="`+language+`"`) {
		b.t.Fatalf("no change of language that keeps the draft: %s", form)
	}
	return b.draft(page, "schleuse_lang", language)
}

// Who changes the language in a registration stands where they were.
func TestADraftKeepsItsPlaceInAnotherLanguage(t *testing.T) {
	w := registering(t)
	b := w.browser()
	page := b.register(authURL("app"))
	english := b.speak(page, "en").want(http.StatusOK).shows("ask for digits").shows(`<html lang="en">`)
	ways := b.draft(english, "schleuse_ways", "1").want(http.StatusOK).shows(`<html lang="en">`)
	german := b.speak(ways, "de").want(http.StatusOK).shows(`name="way" value="letter"`).shows(`<html lang="de">`)
	letter := b.draft(german, "way", "letter").want(http.StatusOK).shows("ask for answer")
	if got := b.draft(letter, "schleuse_lang", "fr").want(http.StatusOK).shows("ask for answer"); !strings.Contains(got.Body.String(), `<html lang="de">`) {
		t.Error("speaks a language that is not offered")
	}
	if w.attempts.Len() != 0 {
		t.Errorf("%d attempts: a change of language is no answer", w.attempts.Len())
	}
	b.draft(b.speak(letter, "en"), "answer", "right").want(http.StatusSeeOther)
	if b.cookies["schleuse-lang"] != "en" {
		t.Errorf("remembered %q", b.cookies["schleuse-lang"])
	}
}

// A request that came by POST has no address to come back to, and changes the
// language all the same.
func TestARequestByPostChangesLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	u, err := url.Parse(authURL("app"))
	if err != nil {
		t.Fatal(err)
	}
	page := b.do(http.MethodPost, u.Path, u.Query(), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	b.speak(page.want(http.StatusOK), "en").want(http.StatusOK).shows(`<html lang="en">`).shows(`name="schleuse_request"`)
}
