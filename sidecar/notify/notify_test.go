package notify_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/notify"
)

func notice(kind notify.Kind) notify.Notice {
	return notify.Notice{
		Kind: kind, ID: "recovery/1", Number: "A123456780", Account: "1111",
		At: time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC),
	}
}

func texts(t *testing.T, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("messages/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

func TestTheLanguagesSayTheSame(t *testing.T) {
	de, en := texts(t, "de"), texts(t, "en")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(de)), slices.Sorted(maps.Keys(en))); diff != "" {
		t.Errorf("keys (-de +en):\n%s", diff)
	}
	want := []string{"branch", "call", "care", "clock", "greeting", "when"}
	for _, k := range notify.Kinds() {
		for _, part := range []string{".subject", ".what", ".not_you"} {
			want = append(want, string(k)+part)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(de))); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for key := range de {
		if diff := cmp.Diff(placeholder.FindAllString(de[key], -1), placeholder.FindAllString(en[key], -1)); diff != "" {
			t.Errorf("%s: placeholders (-de +en):\n%s", key, diff)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, lang := range notify.Languages() {
		for key, text := range texts(t, lang) {
			if text == "" || strings.ContainsAny(text, "!\r\n") || strings.Contains(strings.ToLower(text), "leider") {
				t.Errorf("%s, %s: empty, of several lines, loud or regretful: %q", lang, key, text)
			}
			if strings.HasSuffix(key, ".subject") && utf8.RuneCountInString(text) > 78 {
				t.Errorf("%s, %s: over 78 characters", lang, key)
			}
		}
	}
}

func TestSay(t *testing.T) {
	c, err := notify.OpenCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range notify.Kinds() {
		for lang, when := range map[string]string{"de": "25.11.2026, 00:30 Uhr", "en": "25 November 2026, 00:30", "fr": "25.11.2026, 00:30 Uhr"} {
			w, err := c.Say(notice(kind), lang, "0800 000000")
			all := w.Subject + "\n" + strings.Join(w.Paragraphs, "\n")
			if err != nil || !strings.Contains(all, when) || !strings.Contains(all, "0800 000000") {
				t.Errorf("%s in %s: %v\n%s", kind, lang, err, all)
			}
			if strings.Contains(all, "{{") || strings.Contains(all, "A123456780") || strings.Contains(all, "1111") || slices.Contains(w.Paragraphs, "") {
				t.Errorf("%s in %s: a placeholder, something personal or an empty paragraph\n%s", kind, lang, all)
			}
		}
		if w, _ := c.Say(notice(kind), "de", ""); strings.Contains(strings.Join(w.Paragraphs, "\n"), "Telefonnummer: ") {
			t.Errorf("%s promises a number that nobody knows", kind)
		}
	}
	if w, err := c.Say(notice("other"), "de", ""); err == nil {
		t.Errorf("words for no kind: %v", w)
	}
}

func TestValidate(t *testing.T) {
	change := func(fn func(*notify.Notice)) notify.Notice {
		n := notice(notify.CardLocked)
		fn(&n)
		return n
	}
	for name, c := range map[string]struct {
		notice notify.Notice
		ok     bool
	}{
		"good":            {notice(notify.CardLocked), true},
		"longest id":      {change(func(n *notify.Notice) { n.ID = strings.Repeat("x", 128) }), true},
		"without account": {change(func(n *notify.Notice) { n.Account = "" }), true},
		"zero":            {notify.Notice{}, false},
		"no kind":         {change(func(n *notify.Notice) { n.Kind = "" }), false},
		"unknown kind":    {change(func(n *notify.Notice) { n.Kind = "other" }), false},
		"no id":           {change(func(n *notify.Notice) { n.ID = "" }), false},
		"long id":         {change(func(n *notify.Notice) { n.ID = strings.Repeat("x", 129) }), false},
		"id of lines":     {change(func(n *notify.Notice) { n.ID = "a\nb" }), false},
		"nobody":          {change(func(n *notify.Notice) { n.Number = "" }), false},
		"never":           {change(func(n *notify.Notice) { n.At = time.Time{} }), false},
	} {
		err := c.notice.Validate()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "A123456780") {
			t.Errorf("%s: the error names the person", name)
		}
	}
}
