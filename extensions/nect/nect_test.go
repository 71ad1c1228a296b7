package nect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// wishes presses the page's buttons, one after the other.
func wishes(values ...string) []flow.Input {
	var out []flow.Input
	for _, v := range values {
		out = append(out, extensiontest.Post("wish", v))
	}
	return out
}

// comesBack lets the browser that began come back the moment its case is first
// asked for.
func comesBack(t testing.TB) func(*identification) {
	return func(c *identification) {
		if c.scene != "away" {
			browse(t, c.back+"?nectCaseId="+c.id, flow.Secret{1}.ID())
		}
	}
}

func TestExtension(t *testing.T) {
	at, port := newService(t), newDoors(t)
	at.before = comesBack(t)
	deny := func(key string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsDeny, Key: "denied." + key}
	}
	show := func(page string) extensiontest.Want { return extensiontest.Want{Kind: flow.IsShow, Page: page} }
	has := func(status member.Status) func(*extensiontest.Stage) {
		return func(s *extensiontest.Stage) {
			p := extensiontest.Person()
			p.Status = status
			s.Members.Put(p)
		}
	}
	begun := wishes("start")
	var cases []extensiontest.Case
	for name, c := range map[string]struct {
		scene   string
		arrange func(*extensiontest.Stage)
		answers []flow.Input
		want    extensiontest.Want
	}{
		"before":          {"match", nil, nil, show("before")},
		"begun":           {"away", nil, begun, show("jump")},
		"gone to a phone": {"away", nil, wishes("start", "wait"), show("waiting")},
		"identified":      {"match", nil, begun, extensiontest.Want{Kind: flow.IsDone}},
		"more than asked": {"high", nil, begun, extensiontest.Want{Kind: flow.IsDone}},
		"still at it":     {"pending", nil, begun, show("waiting")},
		"in review":       {"in review", nil, begun, extensiontest.Want{Kind: flow.IsPark, Page: "review"}},
		"aborted":         {"aborted", nil, begun, show("aborted")},
		"mismatch":        {"mismatch", nil, begun, show("mismatch")},
		"perhaps":         {"review", nil, begun, deny("review")},
		"not sure enough": {"low", nil, begun, show("weak")},
		"procedure":       {"procedure", nil, begun, show("weak")},
		"garbage":         {"garbage", nil, begun, show("waiting")},
		"given up":        {"away", nil, wishes("start", "end"), deny("ended")},
		"left":            {"match", has(member.StatusLeft), nil, deny("left")},
		"not yet":         {"match", has(member.StatusNotYet), nil, deny("not_yet")},
		"deceased":        {"match", has(member.StatusDeceased), nil, deny("deceased")},
		"under age":       {"match", has(member.StatusUnderAge), nil, deny("under_age")},
		"represented":     {"match", has(member.StatusRepresented), nil, deny("represented")},
	} {
		arrange := func(s *extensiontest.Stage) {
			port.arrange(s)
			if c.arrange != nil {
				c.arrange(s)
			}
		}
		cases = append(cases, extensiontest.Case{Name: name, Config: at.config(c.scene), Arrange: arrange, Answers: c.answers, Want: c.want})
	}
	cases = append(cases, extensiontest.Case{
		Name: "not on file", Config: at.config("match"), Arrange: port.arrange,
		Attempt: func(a *flow.Attempt) { a.Number = "B123456782" }, Want: deny("not_on_file"),
	})
	extensiontest.Run(t, port.factory, cases...)
}

// Nobody in distress should have to read a sentence of more than 15 words.
func TestSentencesAreShort(t *testing.T) {
	for _, file := range []string{"messages/de.json", "messages/en.json"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]any
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		for key, text := range texts {
			for _, sentence := range strings.FieldsFunc(fmt.Sprint(text), func(r rune) bool { return strings.ContainsRune(".?:", r) }) {
				if n := len(strings.Fields(sentence)); n > 15 {
					t.Errorf("%s: %s: a sentence of %d words", file, key, n)
				}
			}
		}
	}
}
