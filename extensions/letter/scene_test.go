package letter_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/letter"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	day     = 24 * time.Hour
	other   = "9876543YXWU7" // checked by TestExtension
	unknown = member.KVNR("B123456782")
)

// plant makes a code good for Person.
func plant(purpose flow.Name, code string, valid time.Duration) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) {
		if err := letter.Plant(context.Background(), s.Records, purpose, extensiontest.Number, code, s.Clock.Now().Add(valid)); err != nil {
			panic(err)
		}
	}
}

func has(status member.Status) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) {
		p := extensiontest.Person()
		p.Status = status
		s.Members.Put(p)
	}
}

// both arranges two things.
func both(a, b func(*extensiontest.Stage)) func(*extensiontest.Stage) {
	return func(s *extensiontest.Stage) { a(s); b(s) }
}

// begun makes the attempt one of a registration, of which nothing is stored.
func begun(a *flow.Attempt) { a.ID, a.Flow, a.Account, a.Session = "", flow.Registration, "", "" }

// kept makes the attempt one of a registration that is stored.
func kept(a *flow.Attempt) { a.Flow, a.Account, a.Session = flow.Registration, "", "" }

// stranger makes it one of a number that nobody has.
func stranger(a *flow.Attempt) { begun(a); a.Number = unknown }

func types(codes ...string) []flow.Input {
	var out []flow.Input
	for _, c := range codes {
		out = append(out, extensiontest.Post("code", c))
	}
	return out
}

func wishes(wish string) []flow.Input { return []flow.Input{extensiontest.Post("wish", wish)} }

// scene is the extension with a folder for its letters.
type scene struct {
	*testing.T
	*extensiontest.Stage
	extension.Parts
	folder string
}

func open(t *testing.T, more string) *scene {
	t.Helper()
	s := &scene{T: t, Stage: extensiontest.NewStage("letter"), folder: t.TempDir()}
	s.Host.Base = &url.URL{Scheme: "https", Host: "login.kasse.example", Path: "/schleuse/x/letter"}
	s.Parts = s.Open(t, letter.Factory(), "outbox: "+s.folder+"\n"+more)
	return s
}

// draft is Person's registration from an address.
func (s *scene) draft(address string) *flow.Attempt {
	a := s.Attempt()
	begun(a)
	a.Address = netip.MustParsePrefix(address)
	return a
}

// says posts one answer and returns what comes of it, in a word.
func (s *scene) says(a *flow.Attempt, in flow.Input) string {
	s.Helper()
	out, err := s.Step.Resume(s.Context(), a, in)
	switch {
	case err != nil:
		return "later"
	case out.Kind == flow.IsDone:
		return "done"
	case out.Kind == flow.IsKeep:
		return "keep"
	case out.Kind == flow.IsDeny:
		return out.Key
	case len(out.View.Problems) > 0:
		return out.View.Problems[0].Key
	}
	return out.View.Page
}

func (s *scene) orders(a *flow.Attempt) string {
	s.Helper()
	return s.says(a, extensiontest.Post("wish", "order"))
}

// posted delivers what waits and returns the letters in the folder, by id.
func (s *scene) posted() map[string]printed {
	s.Helper()
	_ = s.Outbox.Flush(s.Context(), s.Parts.Run)
	files, err := filepath.Glob(filepath.Join(s.folder, "*"))
	if err != nil {
		s.Fatal(err)
	}
	out := map[string]printed{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			s.Fatal(err)
		}
		var p printed
		if err := json.Unmarshal(raw, &p); err != nil {
			s.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = p
	}
	return out
}

// printed is what the print service reads.
type printed struct {
	Type      string
	Timestamp time.Time
	Data      map[string]string
}

// only is the one letter that there is.
func (s *scene) only(all map[string]printed) printed {
	s.Helper()
	if len(all) != 1 {
		s.Fatalf("%d letters, want one", len(all))
	}
	for id, p := range all {
		if p.Data["id"] != id {
			s.Errorf("the file %s holds the letter %s", id, p.Data["id"])
		}
		return p
	}
	return printed{}
}
