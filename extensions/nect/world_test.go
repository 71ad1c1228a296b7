package nect_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/member"
)

// world is the extension between people's browsers and Nect.
type world struct {
	*testing.T
	*extensiontest.Stage
	nect  *service
	parts extension.Parts
}

// in opens the extension for a scene; more is added to its configuration.
func in(t *testing.T, scene string, more ...string) world {
	t.Helper()
	s := newService(t)
	return s.world(t, scene, more...)
}

func (s *service) world(t *testing.T, scene string, more ...string) world {
	t.Helper()
	return s.arranged(t, func(*extensiontest.Stage) {}, scene, more...)
}

// arranged is world behind a host of which something is replaced.
func (s *service) arranged(t *testing.T, arrange func(*extensiontest.Stage), scene string, more ...string) world {
	t.Helper()
	port, stage := newDoors(t), extensiontest.NewStage("nect")
	port.arrange(stage)
	arrange(stage)
	return world{t, stage, s, stage.Open(t, port.factory(), s.config(scene)+strings.Join(more, "\n"))}
}

// attempt is another one of Person's; n tells it apart.
func (w world) attempt(n byte, f flow.Name) *flow.Attempt {
	a := w.Attempt()
	a.ID, a.Flow = flow.Secret{n}.ID(), f
	if f != flow.Login {
		a.Account, a.Session = "", ""
	}
	return a
}

// looks begins, and says what is shown, in a word.
func (w world) looks(a *flow.Attempt) string {
	w.Helper()
	out, err := w.parts.Step.Begin(w.Context(), a)
	return w.word(out, err)
}

// presses a button.
func (w world) presses(a *flow.Attempt, wish string) string {
	w.Helper()
	out, err := w.parts.Step.Resume(w.Context(), a, extensiontest.Post("wish", wish))
	return w.word(out, err)
}

func (w world) types(a *flow.Attempt, code string) string {
	w.Helper()
	out, err := w.parts.Step.Resume(w.Context(), a, extensiontest.Post("code", code))
	return w.word(out, err)
}

func (w world) word(out flow.Outcome, err error) string {
	w.Helper()
	switch {
	case err != nil:
		return "later"
	case out.Kind == flow.IsDone:
		return "done"
	case out.Kind == flow.IsKeep:
		return "keep"
	case out.Kind == flow.IsDeny:
		return out.Key
	case out.Kind == flow.IsPark:
		return "parked: " + out.View.Page
	case len(out.View.Problems) > 0 && out.View.Problems[0].Args != nil:
		return fmt.Sprintf("%s: %s %v", out.View.Page, out.View.Problems[0].Key, out.View.Problems[0].Args["Count"])
	case len(out.View.Problems) > 0:
		return out.View.Page + ": " + out.View.Problems[0].Key
	}
	return out.View.Page
}

func (w world) expect(got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("got %q, want %q", got, want)
	}
}

// returns comes back from Nect's last case, in the browser that holds an attempt.
func (w world) returns(holds flow.AttemptID) string {
	w.Helper()
	c := w.nect.last()
	_, page := browse(w.T, c.back+"?nectCaseId="+c.id, holds)
	return page
}

var shownCode = regexp.MustCompile(`^handover \{Code:([0-9]{6}) `)

// onAPhone comes back elsewhere, and returns the code that is shown.
func (w world) onAPhone() string {
	w.Helper()
	page := w.returns("")
	m := shownCode.FindStringSubmatch(page)
	if m == nil {
		w.Fatalf("no code is shown, but %s", page)
	}
	return m[1]
}

// wrong is another code than this.
func wrong(code string) string {
	if code == "000000" {
		return "111111"
	}
	return "000000"
}

// calls is a callback; it returns the status.
func calls(t testing.TB, method, address, body string, headers ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// engine carries people through a registration with the extension's step.
func (w world) engine() *flow.Engine {
	return &flow.Engine{
		Plans: map[flow.Name]flow.Plan{flow.Registration: {
			Front: []flow.StepName{"kvnr"}, Back: []flow.Entry{{"nect"}}, After: []flow.StepName{"password"},
		}},
		Chambers: flowtest.Chambers(map[flow.StepName]flow.Step{"kvnr": flowtest.Step{}, "nect": w.parts.Step, "password": flowtest.Step{}}),
		Attempts: flowtest.NewAttempts(w.Clock.Now), Now: w.Clock.Now, Log: w.Host.Log,
	}
}

// delivers lets what is queued be done.
func (w world) delivers() error {
	w.Helper()
	return w.Outbox.Flush(w.Context(), w.parts.Run)
}

// other is somebody else who is insured.
func other() member.Member {
	return member.Member{
		KVNR: "B123456782", Status: member.StatusActive, Surname: "Muster", Given: "Bernd", BirthDate: "1962-11-30", Postcode: "20095",
	}
}

func address(text string) netip.Prefix { return netip.MustParsePrefix(text) }
