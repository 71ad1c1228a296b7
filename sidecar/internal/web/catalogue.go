package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

var placeholder = regexp.MustCompile(`\{\{\s*\.([A-Za-z][A-Za-z0-9]*)\s*\}\}`)

// catalogue is the texts of one set: key → text, in every language.
type catalogue struct {
	name         string
	placeholders map[string][]string // key → sorted names, the same in every language
	plural       map[string]bool     // keys with forms for one and other
	localizers   map[string]*i18n.Localizer
}

// openCatalogue reads de.json and en.json and makes sure that they have the
// same keys, the same placeholders, and no empty text.
func openCatalogue(name string, messages fs.FS) (*catalogue, error) {
	c := &catalogue{name: name, localizers: map[string]*i18n.Localizer{}}
	bundle := i18n.NewBundle(language.German)
	for _, lang := range languages() {
		file := lang + ".json"
		raw, err := fs.ReadFile(messages, file)
		if err != nil {
			return nil, fmt.Errorf("reading messages of %s: %w", c.label(), err)
		}
		entries, err := readEntries(raw)
		if err != nil {
			return nil, fmt.Errorf("messages of %s, %s: %w", c.label(), file, err)
		}
		if err := c.compare(file, entries); err != nil {
			return nil, err
		}
		if _, err := bundle.ParseMessageFileBytes(raw, file); err != nil {
			return nil, fmt.Errorf("messages of %s, %s: %w", c.label(), file, err)
		}
		c.localizers[lang] = i18n.NewLocalizer(bundle, lang)
	}
	return c, nil
}

func (c *catalogue) label() string {
	if c.name == "" {
		return "the core"
	}
	return c.name
}

// entry is one text, or its plural forms.
type entry struct{ One, Other string }

func (e *entry) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &e.Other)
	}
	type forms entry
	return json.Unmarshal(b, (*forms)(e))
}

func readEntries(raw []byte) (map[string]entry, error) {
	entries := map[string]entry{}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, err
	}
	for key, e := range entries {
		if e.Other == "" {
			return nil, fmt.Errorf("%q has no text", key)
		}
	}
	return entries, nil
}

func (e entry) placeholders() []string {
	names := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(e.Other, -1) {
		names[m[1]] = true
	}
	if e.One != "" { // the form for one may say "einen" instead of a number
		names["Count"] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// compare takes the first language as the measure for the others.
func (c *catalogue) compare(file string, entries map[string]entry) error {
	if c.placeholders == nil {
		c.placeholders, c.plural = map[string][]string{}, map[string]bool{}
		for key, e := range entries {
			c.placeholders[key], c.plural[key] = e.placeholders(), e.One != ""
		}
		return nil
	}
	var errs []error
	for key, want := range c.placeholders {
		e, ok := entries[key]
		if !ok {
			errs = append(errs, fmt.Errorf("messages of %s: %q is missing in %s", c.label(), key, file))
		} else if got := e.placeholders(); !slices.Equal(got, want) {
			errs = append(errs, fmt.Errorf("messages of %s: %q has placeholders %v in %s, %v elsewhere", c.label(), key, got, file, want))
		}
	}
	for key := range entries {
		if _, ok := c.placeholders[key]; !ok {
			errs = append(errs, fmt.Errorf("messages of %s: %q stands in %s only", c.label(), key, file))
		}
	}
	return errors.Join(errs...)
}

func (c *catalogue) has(key string) bool {
	_, ok := c.placeholders[key]
	return ok
}

// text returns the text of a key that exists; ok is false for one that does
// not, or whose placeholders are not filled.
func (c *catalogue) text(lang, key string, args map[string]any) (text string, ok bool) {
	names, ok := c.placeholders[key]
	if !ok {
		return "", false
	}
	for _, n := range names {
		if _, ok := args[n]; !ok {
			return "", false
		}
	}
	config := &i18n.LocalizeConfig{MessageID: key, TemplateData: args}
	if c.plural[key] {
		config.PluralCount = args["Count"]
	}
	text, err := c.localizers[lang].Localize(config)
	return text, err == nil
}

// translator finds texts of a set in one language; what the set does not
// have, the core may.
type translator struct {
	lang string
	own  *catalogue
	core *catalogue
	zone *time.Location
}

func (t translator) has(key string) bool { return t.own.has(key) || t.core.has(key) }

func (t translator) find(key string, args map[string]any) (string, bool) {
	spoken := t.speak(args)
	if s, ok := t.own.text(t.lang, key, spoken); ok {
		return s, true
	}
	return t.core.text(t.lang, key, spoken)
}

// speak turns values into words of the language: durations and times.
func (t translator) speak(args map[string]any) map[string]any {
	out := make(map[string]any, len(args))
	for k, v := range args {
		switch v := v.(type) {
		case time.Duration:
			out[k] = t.duration(v)
		case time.Time:
			out[k] = t.date(v)
		default:
			out[k] = v
		}
	}
	return out
}

// duration says a duration in its largest fitting unit, rounded up, so that
// nobody comes back too early.
func (t translator) duration(d time.Duration) string {
	unit, key := time.Minute, "duration.minutes"
	switch {
	case d >= 48*time.Hour:
		unit, key = 24*time.Hour, "duration.days"
	case d >= 2*time.Hour:
		unit, key = time.Hour, "duration.hours"
	case d < time.Minute:
		unit, key = time.Second, "duration.seconds"
	}
	n := max(1, int((d+unit-1)/unit))
	s, _ := t.core.text(t.lang, key, map[string]any{"Count": n})
	return s
}

// clock says a time as it is written in the language, in the operator's zone,
// rounded down to a minute; on another day than now with its date.
func (t translator) clock(at, now time.Time) string {
	at, day := at.In(t.zone), ""
	if at.YearDay() != now.In(t.zone).YearDay() {
		day = t.date(at) + ", "
	}
	if t.lang == "de" {
		return day + at.Format("15:04")
	}
	return day + at.Format("3:04 pm")
}

// date says a day as it is written in the language, in the operator's zone.
func (t translator) date(at time.Time) string {
	at = at.In(t.zone)
	if t.lang == "de" {
		return at.Format("2.1.2006")
	}
	return at.Format("2 January 2006")
}
