package notify

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // times are said in the insurer's zone, whatever the image holds
)

//go:embed messages/*.json
var files embed.FS

// zone is the one in which times are said.
const zone = "Europe/Berlin"

// Words are a notice in one language. They name nobody and contain no link.
type Words struct {
	Subject    string   // one line of at most 78 characters
	Paragraphs []string // lines without a break
}

// Catalogue has the texts of all notices. It is made by OpenCatalogue.
type Catalogue struct {
	texts map[string]map[string]string // language → key → text
	zone  *time.Location
}

// Languages returns the languages that the catalogue speaks.
func Languages() []string { return []string{"de", "en"} }

// OpenCatalogue reads the texts, which are a part of the program.
func OpenCatalogue() (*Catalogue, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("loading the time zone: %w", err)
	}
	c := &Catalogue{texts: map[string]map[string]string{}, zone: place}
	for _, lang := range Languages() {
		raw, err := files.ReadFile("messages/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("reading the notices' texts: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("reading the notices' texts in %s: %w", lang, err)
		}
		c.texts[lang] = texts
	}
	return c, nil
}

// Say puts a notice into words of a language; German where it speaks none of
// that name. phone is what a person calls who did not do it; empty = none is
// known, and they are sent to a branch. The error says that there is no such
// notice.
func (c *Catalogue) Say(n Notice, lang, phone string) (Words, error) {
	texts, ok := c.texts[lang]
	if !ok {
		texts = c.texts["de"]
	}
	subject, ok := texts[string(n.Kind)+".subject"]
	if !ok {
		return Words{}, fmt.Errorf("there are no words for the kind %q", n.Kind)
	}
	call := "call"
	if phone == "" {
		call = "branch"
	}
	fill := strings.NewReplacer("{{.When}}", n.At.In(c.zone).Format(texts["clock"]), "{{.Phone}}", phone)
	w := Words{Subject: subject}
	for _, key := range []string{"greeting", string(n.Kind) + ".what", "when", string(n.Kind) + ".not_you", call, "care"} {
		w.Paragraphs = append(w.Paragraphs, fill.Replace(texts[key]))
	}
	return w, nil
}
