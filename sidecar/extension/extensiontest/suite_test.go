package extensiontest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

// flawed names the environment in which the suite runs on a flawed extension.
const flawed = "EXTENSIONTEST_FLAW"

// sample is an extension without fault, and a place for each fault.
type sample struct {
	begin, resume func(*flow.Attempt, flow.Input, flow.Outcome) (flow.Outcome, error)
	offer         func(extension.Host)
	says          func(extension.Host, *flow.Attempt)
	ask           string // the page's own text
	title         string // of README.md
	example       string // more of its example
	draft         bool   // it is asked in one
	deaf          bool   // to its configuration
	trusting      bool   // of a directory that cannot answer
}

const readme = `# sample
## Name
## Description
## Configuration
## Pages
## Errors
## Example
` + "```yaml\n%sextensions:\n  sample:\n    kind: sample\n```\n"

func (s sample) factory() extension.Factory {
	return extension.Factory{
		Kind: "sample",
		Check: func(decode func(any) error) error {
			if s.deaf {
				return nil
			}
			return decode(&struct{}{})
		},
		Open: func(_ context.Context, host extension.Host, decode func(any) error) (extension.Parts, error) {
			if err := decode(&struct{}{}); err != nil && !s.deaf {
				return extension.Parts{}, err
			}
			texts := []byte(`{"title": "Wie?", "word.label": "Wort", "go": "Weiter", "wrong": "Falsch.", "never": "Nie.", "offer": "Wort"` + s.ask + `}`)
			return extension.Parts{
				Step: s.step(host),
				Offer: func(context.Context, *flow.Attempt) (flow.Offer, error) {
					if s.offer != nil {
						s.offer(host)
					}
					return flow.Offer{Available: true, Title: "offer"}, nil
				},
				Pages:    fstest.MapFS{"ask.html": {Data: []byte(`{{define "title"}}{{t "title"}}{{end}}{{define "main"}}{{form .}}{{input . "word" "value" .Data}}{{button "go"}}</form>{{end}}`)}},
				Messages: fstest.MapFS{"de.json": {Data: texts}, "en.json": {Data: texts}},
			}, nil
		},
	}
}

func (s sample) step(host extension.Host) flow.Step {
	return flowtest.Step{
		OnBegin: func(_ context.Context, a *flow.Attempt) (flow.Outcome, error) {
			out := flow.Show(flow.View{Page: "ask", Data: ""})
			if s.begin != nil {
				return s.begin(a, flow.Input{}, out)
			}
			return out, nil
		},
		OnResume: func(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
			if s.says != nil {
				s.says(host, a)
			}
			m, err := host.Members.Find(ctx, a.Number)
			if err != nil && !s.trusting {
				return flow.Outcome{}, err
			}
			out := flow.Show(flow.View{Page: "ask", Data: "", Problems: []flow.Problem{{Field: "word", Key: "wrong"}}})
			if v := in.Form["word"]; len(v) == 1 && v[0] == "open" && (m.Surname != "" || s.trusting) {
				out = flow.Done(flow.Proof{Kind: "sample"})
			}
			if s.resume != nil {
				return s.resume(a, in, out)
			}
			return out, nil
		},
	}
}

// flaws are extensions that the suite must refuse, with what it must say.
func flaws() map[string]struct {
	sample sample
	want   string
} {
	type hook = func(*flow.Attempt, flow.Input, flow.Outcome) (flow.Outcome, error)
	value := func(in flow.Input) string { return in.Form.Get("word") }
	unless := func(bad func(flow.Input) bool, out flow.Outcome, err error) hook {
		return func(_ *flow.Attempt, in flow.Input, well flow.Outcome) (flow.Outcome, error) {
			if bad(in) {
				return out, err
			}
			return well, nil
		}
	}
	always := func(flow.Input) bool { return true }
	empty := func(in flow.Input) bool { return value(in) == "" }
	n := 0
	return map[string]struct {
		sample sample
		want   string
	}{
		"none":              {sample{}, ""},
		"another page":      {sample{begin: unless(always, flow.Show(flow.View{Page: "other"}), nil)}, "cannot be shown"},
		"zero outcome":      {sample{resume: unless(empty, flow.Outcome{}, nil)}, "no outcome"},
		"outcome and error": {sample{resume: unless(empty, flow.Deny("never"), errors.New("x"))}, "an outcome beside the error"},
		"error at input":    {sample{resume: unless(empty, flow.Outcome{}, errors.New("x"))}, "an error: x"},
		"done by anything":  {sample{resume: unless(empty, flow.Done(flow.Proof{Kind: "sample"}), nil)}, "done"},
		"panic": {sample{resume: func(_ *flow.Attempt, in flow.Input, out flow.Outcome) (flow.Outcome, error) {
			_ = url.Values(in.Form)["word"][0]
			return out, nil
		}}, "panic"},
		"unknown text":      {sample{resume: unless(empty, flow.Deny("nobody.wrote.this"), nil)}, "there is no text"},
		"problem elsewhere": {sample{resume: unless(empty, flow.Show(flow.View{Page: "ask", Data: "", Problems: []flow.Problem{{Field: "other", Key: "wrong"}}}), nil)}, "which page \"ask\" does not have"},
		"repeats": {sample{resume: func(_ *flow.Attempt, in flow.Input, out flow.Outcome) (flow.Outcome, error) {
			if out.Kind == flow.IsShow {
				out.View.Data = value(in)
			}
			return out, nil
		}}, "without bound"},
		"big state": {sample{resume: func(a *flow.Attempt, _ flow.Input, out flow.Outcome) (flow.Outcome, error) {
			a.State = []byte(`"` + strings.Repeat("x", 5000) + `"`)
			return out, nil
		}}, "over 4 KiB"},
		"changes its mind": {sample{begin: func(_ *flow.Attempt, _ flow.Input, out flow.Outcome) (flow.Outcome, error) {
			if n++; n%2 == 0 {
				out = flow.Deny("never")
			}
			return out, nil
		}}, "begun again"},
		"loud text":          {sample{ask: `, "loud": "Weiter!"`}, "exclamation mark"},
		"regretful text":     {sample{ask: `, "sad": "Das geht leider nicht."`}, "regrets"},
		"takes unknown keys": {sample{deaf: true}, "an unknown key"},
		"trusts the silent":  {sample{trusting: true}, "a port that it needs is broken"},
		"offer with effect": {sample{offer: func(h extension.Host) {
			_, _ = h.Counters.Take(context.Background(), extension.Limit{Name: "n", Subject: "s", Max: 100})
		}}, "an offer had an effect"},
		"logs the number": {sample{says: func(h extension.Host, a *flow.Attempt) { h.Log.Debug("asked", "person", a.Number.Username()) }}, "something personal"},
		"counts by the number": {sample{says: func(h extension.Host, a *flow.Attempt) {
			_, _ = h.Counters.Take(context.Background(), extension.Limit{Name: string(a.Number), Subject: "s", Max: 100})
		}}, "something personal"},
		"audits the number": {sample{says: func(h extension.Host, a *flow.Attempt) {
			_ = h.Audit.Append(context.Background(), audit.Entry{Phase: audit.Fact, Action: "asked", Ref: string(a.Number)})
		}}, "something personal"},
		"readme of another":        {sample{title: "# other\n"}, "the title is not"},
		"example takes a name":     {sample{example: "notifiers:\n  - kind: sample\n"}, "this name is taken"},
		"example of nothing there": {sample{example: "extension: {}\n"}, "did you mean \"extensions\""},
		"example that is wrong":    {sample{example: "members:\n  kind: sample\n  config: {tries: 3}\n"}, "tries"},
		"proof without kind": {sample{resume: func(_ *flow.Attempt, _ flow.Input, out flow.Outcome) (flow.Outcome, error) {
			out.Proof = flow.Proof{}
			return out, nil
		}}, "the proof has no kind"},
		"names an account": {sample{resume: func(_ *flow.Attempt, _ flow.Input, out flow.Outcome) (flow.Outcome, error) {
			out.Proof.Account = "mine"
			return out, nil
		}}, "names an account"},
		"enters a flow":          {sample{resume: unless(empty, flow.Enter(flow.Registration), nil)}, "not from a step in front"},
		"keeps what is stored":   {sample{resume: unless(empty, flow.Keep(), nil)}, "stored is to be kept"},
		"keeps at the beginning": {sample{draft: true, begin: unless(always, flow.Keep(), nil)}, "only an answer is worth it"},
		"proves in a draft":      {sample{draft: true}, "flow.Keep comes first"},
		"fails once kept": {sample{draft: true, resume: func(a *flow.Attempt, _ flow.Input, out flow.Outcome) (flow.Outcome, error) {
			switch {
			case out.Kind != flow.IsDone:
				return out, nil
			case a.ID == "":
				return flow.Keep(), nil
			}
			return flow.Outcome{}, errors.New("x")
		}}, "the answer to what was kept"},
		"sends to plain http": {sample{begin: unless(always, flow.Send(&url.URL{Scheme: "http", Host: "x.example"}), nil)}, "sent to"},
	}
}

// TestSuite runs the suite on one of them, in a process of its own.
func TestSuite(t *testing.T) {
	f, ok := flaws()[os.Getenv(flawed)]
	if !ok {
		return
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("README.md", fmt.Appendf(nil, f.sample.title+readme, f.sample.example), 0o600); err != nil {
		t.Fatal(err)
	}
	show := extensiontest.Want{Kind: flow.IsShow, Page: "ask"}
	wrong := show
	wrong.Problem = "wrong"
	right := extensiontest.Case{Name: "right", Answers: []flow.Input{extensiontest.Post("word", "open")}, Want: extensiontest.Want{Kind: flow.IsDone}}
	if f.sample.draft {
		begun := right
		begun.Name, begun.Attempt, begun.Want.Kind = "in a draft", func(a *flow.Attempt) { a.ID, a.Account, a.Session = "", "", "" }, flow.IsKeep
		extensiontest.Run(t, f.sample.factory, begun, right)
		return
	}
	extensiontest.Run(t, f.sample.factory,
		extensiontest.Case{Name: "asks", Want: show},
		extensiontest.Case{Name: "wrong", Answers: []flow.Input{extensiontest.Post("word", "closed")}, Want: wrong},
		right,
	)
}

func TestTheSuiteFindsFlaws(t *testing.T) {
	for name, f := range flaws() {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuite$")
			command.Env = append(os.Environ(), flawed+"="+name)
			out, err := command.CombinedOutput()
			if (err != nil) != (f.want != "") || !strings.Contains(string(out), f.want) {
				t.Errorf("err %v, want %q in\n%s", err, f.want, out)
			}
		})
	}
}
