package web

import (
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// Page is a page to be rendered. Only Name is needed.
type Page struct {
	// Set is the extension whose page and texts these are; "" = the core's.
	// A page that the set does not have is the core's page with the set's texts.
	Set  string
	Name string
	// Data is what the page's template sees as .Data.
	Data     any
	Problems []flow.Problem // shown in the summary and at their fields
	// Action is where the form goes; "" = the page's own URL. An absolute one
	// is allowed for by the page's policy.
	Action string
	Hidden []Field // hidden inputs of the form
	Step   int     // "Step 2 of 3"; 0 = not said
	Steps  int
	Ways   []Link // quiet ways out
	// Next is a path on this host or a web address, never one that somebody
	// sent us: the link with which a page without a form goes on, and where
	// Refresh leads; "" = the page itself, for Refresh.
	Next    string
	Refresh time.Duration // the page goes on by itself after this time, at least a second; 0 = never
	Status  int           // 0 = 200
	// Until is when what the person does here runs out; zero = it does not. Less
	// than twenty hours before, the page says so, and it warns five minutes before where scripts run. More says
	// that the limit can be moved: a button in the page's form sends MoreField
	// with all that was typed; who handles that shows the page again, with Typed.
	Until time.Time
	More  bool
	// Typed is what stands in the page's inputs, whatever the page says;
	// passwords excepted. Nil = what the page says.
	Typed url.Values
	// Back is the path that shows this page again after a change of language;
	// "" = the request's own URL.
	Back string
	// Carried says that the form's hidden inputs carry where the person stands,
	// and that a GET would lose it: then the change of language is a form of the
	// same kind, with LanguageField; who handles that calls Speak and shows the
	// page again.
	Carried bool
	// Fixed says that the page cannot be shown again by a GET (it stems from
	// a form of somebody else's): then it offers no change of language.
	Fixed bool
}

// MoreField is the name under which a form asks for more time. Such a form is
// no answer to the page's question.
const MoreField = "schleuse_more"

// LanguageField is the name under which a form asks for another language. Such
// a form is no answer to the page's question.
const LanguageField = "schleuse_lang"

// Field is a hidden input.
type Field struct{ Name, Value string }

// Link is a quiet way out of a page: to a path on this host or a web address,
// or where Field is set a form of its own, which carries the page's hidden
// inputs and this one.
type Link struct {
	Href  string
	Field string
	Key   string // text of the page's set, or of the core
	Text  string // the text itself, where there is no Key
}

// Denied is the data of the core page "denied": what a step that refused says.
type Denied struct {
	Key string
	// Wait is how long the refusal lasts from now, for texts that say it
	// ({{.Wait}}); 0 = it does not end by itself.
	Wait time.Duration
}

// Done is the page after the last step; its GET of next releases the login.
// A form's POST must not lead elsewhere itself: browsers apply `form-action`
// to its redirects too.
func Done(next string) Page {
	return Page{Name: "done", Next: next, Refresh: time.Second}
}

// Way is one alternative on the core page "ways", whose data is []Way. The
// form's input is named "way".
type Way struct {
	Set   string // the extension that Offer's keys belong to
	Step  flow.StepName
	Offer flow.Offer
}

// Reviewed is one entry on the core page "authenticators", whose data is
// []Reviewed. The form's inputs are named "keep", with the ID as value, for
// what is to be kept.
type Reviewed struct {
	ID      string
	Type    string // Keycloak's credential type
	Label   string
	Created time.Time
	Keep    bool // how the box stands at first
}

// view is what the templates see.
type view struct {
	Page
	Title     template.HTML // the page's own parts, already rendered
	Main      template.HTML
	Brand     *Brand
	Language  string
	Mistakes  []mistake
	Switch    []spoken
	Assets    *assets
	Back      string
	Reference string
	Left      int      // whole seconds until Until; 0 = no limit is shown
	Ends      string   // Until, in words
	Formed    bool     // the page has a form
	scripts   []string // hashes of the scripts that the page has brought
}

// mistake is a flow.Problem in words.
type mistake struct{ Field, Text string }

// spoken is a language one may change to, named in itself.
type spoken struct{ Code, Name string }

// Problem returns the words for a field, or "".
func (v *view) Problem(field string) string {
	for _, m := range v.Mistakes {
		if m.Field == field {
			return m.Text
		}
	}
	return ""
}

// noLimit is how far off an end need not be said (WCAG 2.2, 2.2.1: twenty hours).
const noLimit = 20 * time.Hour

func (v *view) limit(now time.Time) {
	if left := v.Until.Sub(now); !v.Until.IsZero() && left > 0 && left < noLimit {
		v.Left = int(left / time.Second)
	}
}

// MoreField is the button's name, for the layout.
func (v *view) MoreField() string { return MoreField }

// Checked reports whether a box is checked: as the person left it, else as the
// page says.
func (v *view) Checked(name, value string, otherwise bool) bool {
	if v.Typed == nil {
		return otherwise
	}
	return slices.Contains(v.Typed[name], value)
}

// typed returns what was typed into an input, else what the page says.
func (v *view) typed(name, otherwise string) string {
	if v.Typed.Has(name) {
		return v.Typed.Get(name)
	}
	return otherwise
}
