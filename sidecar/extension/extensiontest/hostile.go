package extensiontest

import (
	"fmt"
	"maps"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// hostile asks the step with what a browser of ill will sends, wherever the
// cases come to rest, and before the last answer of those that do not. It must
// neither panic, nor fail as if it were the operator's problem, nor ever be
// done.
func (s suite) hostile(t *testing.T) {
	s.each(t, func(t *testing.T, c Case) {
		at := len(c.Answers)
		if c.Want.Kind != flow.IsShow && c.Want.Kind != flow.IsSend {
			at = max(0, at-1)
		}
		for name, in := range s.inputs(c) {
			t.Run(name, func(t *testing.T) { s.attack(t, c, at, in) })
		}
	})
}

func (s suite) attack(t *testing.T, c Case, at int, in flow.Input) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	o := s.open(t, c)
	out, err := o.answered(c.Answers[:at])
	if err != nil || out.Kind != flow.IsShow && out.Kind != flow.IsSend {
		return
	}
	out, err = o.parts.Step.Resume(t.Context(), o.attempt, in)
	if err != nil {
		t.Errorf("an error: %v", err)
	}
	o.judge.outcome(t, out, err, o.attempt)
	if out.Kind == flow.IsDone && s.factory().Place != flow.Closing {
		t.Error("done")
	}
	o.silent(t, Case{Answers: []flow.Input{in}})
}

// inputs are forms with the fields that the cases use, and with none of them.
func (s suite) inputs(c Case) map[string]flow.Input {
	fields := map[string]bool{"unknown": true}
	for _, other := range append(s.cases, c) {
		for _, in := range other.Answers {
			for name := range in.Form {
				fields[name] = true
			}
		}
	}
	out := map[string]flow.Input{"no form": {Kind: flow.Posted}, "came back": {Kind: flow.Returned}}
	for name, values := range hostileValues() {
		form := url.Values{}
		for field := range maps.Keys(fields) {
			form[field] = values
		}
		out[name] = flow.Input{Kind: flow.Posted, Form: form}
	}
	many := url.Values{}
	for i := range 1000 {
		many.Set(fmt.Sprintf("field%d", i), "1")
	}
	out["many fields"] = flow.Input{Kind: flow.Posted, Form: many}
	return out
}

func hostileValues() map[string][]string {
	return map[string][]string{
		"no value":       nil,
		"empty":          {""},
		"blank":          {" \t\u00a0"},
		"twice":          {"7391", "1950", "sign_in"},
		"a list":         make([]string, 1000),
		"huge":           {strings.Repeat("9", 60<<10)},
		"huge letters":   {strings.Repeat("Ä", 30<<10)},
		"not UTF-8":      {"\xff\xfe\x00\x80"},
		"cut in a rune":  {strings.Repeat("x", 199) + "Ä"},
		"NUL and lines":  {"7391\x00\r\nSet-Cookie: a=b"},
		"markup":         {`"><script>alert(1)</script>`},
		"template":       {"{{.}}{{end}}"},
		"format":         {"%s%n%!d(string=x)"},
		"number":         {"-1"},
		"other digits":   {"٧٣٩١"},
		"SQL":            {"' OR 1=1 --"},
		"path":           {"../../../etc/passwd"},
		"JSON":           {`{"$ne":null}`},
		"zero width":     {"\u200b\u200d\ufeff"},
		"right to left":  {"\u202e1937"},
		"true":           {"true"},
		"the number":     {string(Number)},
		"an odd surname": {Person().Surname},
	}
}
