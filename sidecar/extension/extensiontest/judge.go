package extensiontest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// maxPage is more than any page has that does not repeat what was sent.
const maxPage = 48 << 10

// judge shows what an extension says, as the program does.
type judge struct {
	place flow.Place
	pages *web.Pages
	keys  map[string]bool
}

func newJudge(t *testing.T, place flow.Place, parts extension.Parts) *judge {
	t.Helper()
	pages, err := web.New(web.Brand{Name: "Muster-Krankenkasse", HelpPhone: "0800 000000"}, map[string]web.Set{
		"mine": {Pages: parts.Pages, Messages: parts.Messages},
	})
	if err == nil {
		err = pages.Check()
	}
	if err != nil {
		t.Fatalf("pages and messages: %v", err)
	}
	return &judge{place: place, pages: pages, keys: keysOf(t, parts.Messages)}
}

func keysOf(t *testing.T, messages fs.FS) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	if messages == nil {
		return keys
	}
	raw, err := fs.ReadFile(messages, "de.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	for k := range texts {
		keys[k] = true
	}
	return keys
}

// key makes sure that a text exists; "" is none.
func (j *judge) key(t *testing.T, key string) {
	t.Helper()
	if key != "" && !j.keys[key] {
		t.Errorf("there is no text %q in the extension's messages", key)
	}
}

// outcome makes sure that an outcome is whole and can be shown.
func (j *judge) outcome(t *testing.T, out flow.Outcome, err error, a *flow.Attempt) {
	t.Helper()
	switch {
	case err != nil:
		if out.Kind != flow.None {
			t.Errorf("an outcome beside the error %v", err)
		}
		return
	case len(a.State) > 4<<10 || a.State != nil && !json.Valid(a.State):
		t.Errorf("the state is no JSON, or over 4 KiB (%d bytes)", len(a.State))
	}
	j.stands(t, out, a)
	switch out.Kind {
	case flow.IsShow, flow.IsPark:
		j.view(t, out.View)
	case flow.IsDeny:
		if out.Key == "" {
			t.Error("denied without a key")
		}
		j.refusal(t, out)
	case flow.IsSend:
		j.target(t, out, a)
	case flow.IsDone:
		if out.Proof.Kind == "" || len(out.Proof.Note) > 200 {
			t.Errorf("the proof has no kind, or its note is over 200 bytes: %+v", out.Proof)
		}
	case flow.IsSkip:
	case flow.IsKeep, flow.IsEnter:
	default:
		t.Errorf("no outcome: %+v", out)
	}
}

// stands makes sure that a step says only what it may say in its place, of a
// draft and of what is stored.
func (j *judge) stands(t *testing.T, out flow.Outcome, a *flow.Attempt) {
	t.Helper()
	draft := a.ID == ""
	switch {
	case out.Kind == flow.IsKeep && !draft:
		t.Error("an attempt that is stored is to be kept")
	case out.Kind == flow.IsKeep && j.place != flow.Behind:
		t.Error("a step that identifies nobody wants its attempt kept")
	case out.Kind == flow.IsEnter && (!draft || j.place != flow.InFront):
		t.Error("another flow is entered, not from a step in front or not of a draft")
	case out.Kind == flow.IsEnter && out.Flow == "":
		t.Error("a flow without a name is entered")
	case draft && (out.Kind == flow.IsSend || out.Kind == flow.IsPark), draft && out.Kind == flow.IsDone && j.place != flow.InFront:
		t.Error("a draft proves and costs nothing: flow.Keep comes first")
	case out.Proof.Account != "" && j.place != flow.Closing:
		t.Error("the proof of a step that is not Closing names an account")
	}
}

// refusal makes sure that the text of a refusal can be said.
func (j *judge) refusal(t *testing.T, out flow.Outcome) {
	t.Helper()
	j.key(t, out.Key)
	args := map[string]any{}
	if !out.Until.IsZero() {
		args["Wait"] = time.Hour
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if j.pages.Text(r, "mine", out.Key, args) == "" {
		t.Errorf("the refusal %q has no text, or one with a placeholder that only DenyUntil fills ({{.Wait}})", out.Key)
	}
}

func (j *judge) target(t *testing.T, out flow.Outcome, a *flow.Attempt) {
	t.Helper()
	if out.URL == nil || out.URL.Scheme != "https" || out.URL.Host == "" {
		t.Errorf("sent to %v", out.URL)
		return
	}
	for _, secret := range personal(a) {
		if strings.Contains(strings.ToLower(out.URL.String()), strings.ToLower(secret)) {
			t.Error("something personal stands in the URL")
		}
	}
}

// view renders a page in both languages.
func (j *judge) view(t *testing.T, v flow.View) {
	t.Helper()
	for _, p := range v.Problems {
		j.key(t, p.Key)
	}
	for _, lang := range []string{"de", "en"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Language", lang)
		w := httptest.NewRecorder()
		j.pages.Render(w, r, web.Page{Set: "mine", Name: v.Page, Data: v.Data, Problems: v.Problems, Step: 2, Steps: 3})
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(body, "</html>") {
			t.Errorf("page %q in %s cannot be shown: status %d", v.Page, lang, w.Code)
		}
		if len(body) > maxPage {
			t.Errorf("page %q has %d bytes: it repeats what was sent without bound", v.Page, len(body))
		}
		for _, p := range v.Problems {
			if text := j.pages.Text(r, "mine", p.Key, p.Args); text == "" {
				t.Errorf("the problem %q has no text with the arguments %v", p.Key, keys(p.Args))
			}
			if p.Field != "" && !strings.Contains(body, fmt.Sprintf(`id="f-%s`, p.Field)) {
				t.Errorf("the problem %q stands at the field %q, which page %q does not have", p.Key, p.Field, v.Page)
			}
		}
	}
}

func keys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
