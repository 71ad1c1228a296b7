package letter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestExtension(t *testing.T) {
	if c, problem := letter.ReadCode(other); c != other {
		t.Fatal(problem)
	}
	config := "outbox: " + t.TempDir()
	ask := func(problem string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsShow, Page: "letter", Problem: problem}
	}
	ordered := extensiontest.Want{Kind: flow.IsShow, Page: "ordered"}
	deny := func(key string) extensiontest.Want {
		return extensiontest.Want{Kind: flow.IsDeny, Key: "denied." + key}
	}
	done, keep := extensiontest.Want{Kind: flow.IsDone}, extensiontest.Want{Kind: flow.IsKeep}
	login, registration := plant(flow.Login, right, 60*day), plant(flow.Registration, right, 60*day)
	var cases []extensiontest.Case
	for name, c := range map[string]struct {
		arrange func(*extensiontest.Stage)
		attempt func(*flow.Attempt)
		answers []flow.Input
		want    extensiontest.Want
	}{
		"asks":                                {nil, nil, nil, ask("")},
		"asks strangers":                      {nil, stranger, nil, ask("")},
		"right":                               {login, nil, types("2345 67ac efhf"), done},
		"right in a registration":             {registration, kept, types(right), done},
		"right in a draft":                    {registration, begun, types(right), keep},
		"wrong":                               {login, nil, types(other), ask("problem.wrong")},
		"wrong, then right":                   {login, nil, types(other, other, right), done},
		"of a stranger":                       {registration, stranger, types(right), ask("problem.wrong")},
		"for another purpose":                 {login, kept, types(right), ask("problem.wrong")},
		"for another purpose, in a draft":     {login, begun, types(right), ask("problem.wrong")},
		"on its last day":                     {plant(flow.Login, right, time.Nanosecond), nil, types(right), done},
		"expired":                             {plant(flow.Login, right, 0), nil, types(right), ask("problem.expired")},
		"expired, in a draft":                 {plant(flow.Registration, right, 0), begun, types(right), ask("problem.expired")},
		"mistyped":                            {login, nil, types("234567ACEFHE"), ask("problem.mistyped")},
		"empty":                               {login, nil, types(""), ask("problem.empty")},
		"the number":                          {login, nil, types("A123456780"), ask("problem.number")},
		"five wrong":                          {login, nil, types(other, other, other, other, other, right), ask("problem.locked")},
		"five wrong in a draft":               {registration, begun, types(other, other, other, other, other, right), keep},
		"orders":                              {nil, nil, wishes("order"), ordered},
		"orders in a draft":                   {nil, begun, wishes("order"), ordered},
		"orders for a stranger":               {nil, stranger, wishes("order"), ordered},
		"orders for somebody who left":        {has(member.StatusLeft), begun, wishes("order"), ordered},
		"has a letter":                        {login, nil, append(append(wishes("order"), wishes("code")...), types(right)...), done},
		"types after ordering":                {login, nil, append(wishes("order"), types(right)...), done},
		"left":                                {both(login, has(member.StatusLeft)), nil, nil, deny("left")},
		"left, with the right code":           {both(registration, has(member.StatusLeft)), kept, types(right), deny("left")},
		"deceased, with the right code":       {both(registration, has(member.StatusDeceased)), kept, types(right), deny("deceased")},
		"represented, with the right code":    {both(registration, has(member.StatusRepresented)), kept, types(right), deny("represented")},
		"under age, with the right code":      {both(registration, has(member.StatusUnderAge)), kept, types(right), deny("under_age")},
		"not yet, with the right code":        {both(registration, has(member.StatusNotYet)), kept, types(right), deny("not_yet")},
		"unknown status, with the right code": {both(registration, has(member.StatusUnknown)), kept, types(right), deny("not_on_file")},
		"left, with a wrong code":             {both(registration, has(member.StatusLeft)), kept, types(other), ask("problem.wrong")},
		"left, in a draft":                    {both(registration, has(member.StatusLeft)), begun, types(right), keep},
		"an unknown wish":                     {nil, nil, wishes("open"), ask("problem.empty")},
	} {
		cases = append(cases, extensiontest.Case{
			Name: name, Config: config, Arrange: c.arrange, Attempt: c.attempt, Answers: c.answers, Want: c.want,
		})
	}
	extensiontest.Run(t, letter.Factory, cases...)
}

func TestConfiguration(t *testing.T) {
	for config, want := range map[string]string{
		"": "either outbox or webhook",
		"outbox: x\nwebhook: {url: 'https://h', secret_file: s}": "either outbox or webhook",
		"webhook: {url: 'http://h', secret_file: s}":             "webhook.url",
		"webhook: {url: 'https://u:p@h', secret_file: s}":        "webhook.url",
		"webhook: {url: 'http://127.0.0.1:1', secret_file: s}":   "",
		"webhook: {url: 'https://h'}":                            "webhook.secret_file",
		"outbox: x\nvalid: 23h":                                  "valid",
		"outbox: x\nvalid: 121d":                                 "valid",
		"outbox: x\nagain: 1h":                                   "again",
		"outbox: x\ntries: 0":                                    "tries",
		"outbox: x\ntries_per_address: 0":                        "tries_per_address",
		"outbox: x\nlock: 1s":                                    "lock",
		"outbox: x\norders_per_address: 0":                       "orders_per_address",
		"outbox: x\nletters_per_hour: 0":                         "letters_per_hour",
		"outbox: x\nfrom_age: 19":                                "from_age",
		"outbox: x\nstart: http://portal.localhost:8080/":        "",
		"outbox: x\nstart: http://portal.kasse.example/":         "start",
		"outbox: x\nstart: javascript:alert(1)":                  "start",
		"outbox: x\nstart: https://portal.kasse.example/":        "",
	} {
		err := letter.Factory().Check(extensiontest.Decoder(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q → %v, want %q", config, err, want)
		}
	}
}

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

func TestAWeekLater(t *testing.T) {
	s := open(t, "")
	a := s.draft("192.0.2.7/32")
	if got := s.orders(a); got != "ordered" {
		t.Fatal(got)
	}
	if got := s.orders(a); got != "ordered" || len(s.Outbox.Queued()) != 1 {
		t.Fatalf("%s, %d orders", got, len(s.Outbox.Queued()))
	}
	if s.Members.Asked() != 0 || s.Records.Used() != 0 {
		t.Error("an order looked somebody up")
	}
	p := s.only(s.posted())
	id := p.Data["id"]
	code := strings.ReplaceAll(p.Data["code"], "-", "")
	want := printed{"letter.code", s.Clock.Now(), map[string]string{
		"id": id, "number": string(extensiontest.Number), "code": code[:4] + "-" + code[4:8] + "-" + code[8:], "purpose": "registration",
		"valid_until": "2027-01-22", "url": "https://login.kasse.example/schleuse/x/letter/code#" + code, "language": "de",
	}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("letter (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(s.folder, id+".json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	s.Clock.Pass(7 * day)
	a = s.draft("198.51.100.7/32")
	if got := s.says(a, extensiontest.Post("code", p.Data["code"])); got != "keep" {
		t.Fatal(got)
	}
	kept(a)
	a.ID = flow.Secret{2}.ID()
	for range 2 { // the answer was lost, and is given again
		if got := s.says(a, extensiontest.Post("code", p.Data["code"])); got != "done" {
			t.Fatal(got)
		}
	}
	if got := s.Records.Subject(letter.CodeKey(flow.Registration, extensiontest.Number, code)); got != (extension.Subject{Number: extensiontest.Number, Evidence: true}) {
		t.Errorf("the used code is about %+v", got)
	}
	a.ID = flow.Secret{3}.ID()
	if got := s.says(a, extensiontest.Post("code", p.Data["code"])); got != "problem.used" {
		t.Errorf("in another attempt: %s", got)
	}
	if got := s.says(s.draft("192.0.2.9/32"), extensiontest.Post("code", code)); got != "problem.used" {
		t.Errorf("in a draft: %s", got)
	}
	if n := s.Counters.Tries("wrong.address") + s.Counters.Tries("wrong.attempt"); n != 0 {
		t.Errorf("%d right tries stay counted", n)
	}
}

func TestOneOfManyUsesACode(t *testing.T) {
	s := open(t, "tries: 20\ntries_per_address: 1000")
	plant(flow.Registration, right, 60*day)(s.Stage)
	var done, used sync.Map
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			a := s.Attempt()
			kept(a)
			a.ID = flow.Secret{byte(i % 8)}.ID()
			switch got := s.says(a, extensiontest.Post("code", right)); got {
			case "done":
				done.Store(a.ID, true)
			case "problem.used":
				used.Store(a.ID, true)
			default:
				t.Errorf("%s", got)
			}
		})
	}
	wg.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if count(&done) != 1 || count(&used) != 7 {
		t.Errorf("%d attempts are done, %d are not", count(&done), count(&used))
	}
}

func TestNobodyUsesUpTheTriesOfAnother(t *testing.T) {
	s := open(t, "")
	plant(flow.Registration, right, 60*day)(s.Stage)
	for i := range 40 { // somebody who knows the number
		s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", letter.NewCode()))
		a := s.Attempt()
		kept(a)
		a.ID = flow.Secret{byte(10 + i)}.ID()
		s.says(a, extensiontest.Post("code", letter.NewCode()))
	}
	if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", right)); got != "problem.locked" {
		t.Errorf("there: %s", got)
	}
	if got := s.says(s.draft("198.51.100.7/32"), extensiontest.Post("code", right)); got != "keep" {
		t.Errorf("elsewhere: %s", got)
	}
	a := s.Attempt()
	kept(a)
	a.Address = netip.MustParsePrefix("198.51.100.7/32")
	if got := s.says(a, extensiontest.Post("code", right)); got != "done" {
		t.Errorf("elsewhere, in an attempt: %s", got)
	}
	plant(flow.Registration, other, 60*day)(s.Stage)
	s.Clock.Pass(day)
	if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", other)); got != "keep" {
		t.Errorf("a day later: %s", got)
	}
}

func TestASlipIsNoTry(t *testing.T) {
	s := open(t, "")
	plant(flow.Login, right, 60*day)(s.Stage)
	for range 100 {
		if got := s.says(s.Attempt(), extensiontest.Post("code", "234567ACEFHE")); got != "problem.mistyped" {
			t.Fatal(got)
		}
	}
	if got := s.says(s.Attempt(), extensiontest.Post("code", right)); got != "done" {
		t.Error(got)
	}
}

func TestTwentyWrongFromAnAddress(t *testing.T) {
	s := open(t, "")
	plant(flow.Registration, right, 60*day)(s.Stage)
	for i := range 21 {
		want := "problem.wrong"
		if i == 20 {
			want = "problem.locked"
		}
		if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", other)); got != want {
			t.Errorf("try %d: %s, want %s", i+1, got, want)
		}
	}
}

func TestTriesAreCountedBeforeTheyAreCompared(t *testing.T) {
	s := open(t, "")
	plant(flow.Login, right, 60*day)(s.Stage)
	s.Records.Break(errors.New("down"))
	for range 5 {
		if got := s.says(s.Attempt(), extensiontest.Post("code", other)); got != "later" {
			t.Fatal(got)
		}
	}
	if n := s.Counters.Tries("wrong.attempt"); n != 5 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestWhoHasSignedInIsToldWhyNoLetterComes(t *testing.T) {
	s := open(t, "")
	if got := s.orders(s.Attempt()); got != "ordered" {
		t.Fatal(got)
	}
	s.only(s.posted())
	a := s.Attempt()
	out, err := s.Step.Resume(t.Context(), a, extensiontest.Post("wish", "order"))
	if err != nil || len(out.View.Problems) != 1 || out.View.Problems[0].Key != "problem.under_way" {
		t.Fatalf("%+v, %v", out, err)
	}
	if from := out.View.Problems[0].Args["From"]; from != s.Clock.Now().Add(7*day) {
		t.Errorf("from %v", from)
	}
	if got := s.orders(s.draft("192.0.2.7/32")); got != "ordered" {
		t.Errorf("somebody who has not signed in is told: %s", got)
	}
	p := extensiontest.Person()
	p.HasAddress = false
	s.Members.Put(p)
	if got := s.orders(s.Attempt()); got != "problem.no_address" {
		t.Errorf("without an address: %s", got)
	}
	s.Members.Break(errors.New("down"))
	if got := s.orders(s.Attempt()); got != "later" {
		t.Errorf("without a directory: %s", got)
	}
	if got := s.orders(s.draft("192.0.2.7/32")); got != "ordered" {
		t.Errorf("without a directory, in a draft: %s", got)
	}
}

func TestOrdersAreBoundedPerAddress(t *testing.T) {
	s := open(t, "orders_per_address: 2")
	for i, want := range []string{"ordered", "ordered", "problem.orders"} {
		if got := s.orders(s.draft("192.0.2.7/32")); got != want {
			t.Errorf("order %d: %s, want %s", i+1, got, want)
		}
	}
	if got := s.orders(s.draft("192.0.2.8/32")); got != "ordered" {
		t.Errorf("from another address: %s", got)
	}
	s.Outbox.Break(errors.New("full"))
	if got := s.orders(s.draft("192.0.2.9/32")); got != "later" {
		t.Errorf("with a full outbox: %s", got)
	}
}

// TestAnOrderIsTheSameForEverybody compares what happens, port by port.
func TestAnOrderIsTheSameForEverybody(t *testing.T) {
	trace := func(number member.KVNR, arrange func(*extensiontest.Stage)) string {
		s := open(t, "")
		if arrange != nil {
			arrange(s.Stage)
		}
		for range 2 {
			a := s.draft("192.0.2.7/32")
			a.Number = number
			out, err := s.Step.Begin(t.Context(), a)
			_ = fmt.Sprint(out, err)
			if got := s.orders(a); got != "ordered" {
				t.Fatal(got)
			}
			a.State = nil
			if got := s.says(a, extensiontest.Post("code", other)); got != "problem.wrong" {
				t.Fatal(got)
			}
		}
		sizes := []int{}
		for _, m := range s.Outbox.Queued() {
			sizes = append(sizes, len(m.Body))
		}
		return fmt.Sprint(s.Members.Asked(), s.Realm.Calls(), s.Records.Used(), s.Counters.Taken(), sizes, len(s.Audit.Entries()))
	}
	want := trace(unknown, nil)
	for name, arrange := range map[string]func(*extensiontest.Stage){
		"known":         nil,
		"left":          has(member.StatusLeft),
		"with a letter": plant(flow.Registration, right, 60*day),
	} {
		got := trace(extensiontest.Number, arrange)
		if name == "with a letter" { // the planting itself used the records once
			got = strings.Replace(got, "[] 3 [", "[] 2 [", 1)
		}
		if got != want {
			t.Errorf("%s: %s, of an unknown number %s", name, got, want)
		}
	}
}

func TestOffer(t *testing.T) {
	s := open(t, "")
	want := flow.Offer{Available: true, Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}
	a := s.draft("192.0.2.7/32")
	a.Number = unknown
	for _, a := range []*flow.Attempt{a, s.draft("192.0.2.7/32"), s.Attempt()} {
		if got, err := s.Offer(t.Context(), a); got != want || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	has(member.StatusLeft)(s.Stage)
	if got, err := s.Offer(t.Context(), s.Attempt()); got.Available || got.Reason != "closed.left" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	s.Members.Break(errors.New("down"))
	if got, err := s.Offer(t.Context(), s.Attempt()); got.Available || err == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheCodesPageIsAskedNothing(t *testing.T) {
	s := &scene{T: t, Stage: extensiontest.NewStage("letter")}
	var shown flow.View
	s.Host.Render = func(w http.ResponseWriter, _ *http.Request, status int, v flow.View) {
		shown = v
		w.WriteHeader(status)
	}
	s.Parts = s.Open(t, letter.Factory(), "outbox: "+t.TempDir()+"\nstart: https://portal.kasse.example/")
	for path, want := range map[string]int{"/code": 200, "/code/" + right: 404, "/": 404} {
		w := httptest.NewRecorder()
		s.Public.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if shown.Page != "code" || fmt.Sprint(shown.Data) != "{https://portal.kasse.example/}" {
		t.Errorf("%+v", shown)
	}
}

// meddled are records of which one changes just before it is put.
type meddled struct {
	extension.Records
	before func()
}

func (m *meddled) About(s extension.Subject) extension.Records {
	return &meddled{m.Records.About(s), m.before}
}

func (m *meddled) Put(ctx context.Context, key string, version int64, data json.RawMessage, keep time.Duration) error {
	m.before()
	return m.Records.Put(ctx, key, version, data, keep)
}

func TestACodeThatIsUsedAtThisMoment(t *testing.T) {
	for name, c := range map[string]struct{ by, want string }{
		"by another attempt": {string(flow.Secret{2}.ID()), "problem.used"},
		"by the same one":    {string(flow.Secret{1}.ID()), "done"},
	} {
		s := &scene{T: t, Stage: extensiontest.NewStage("letter")}
		plant(flow.Registration, right, 60*day)(s.Stage)
		rival := s.Open(t, letter.Factory(), "outbox: "+t.TempDir()).Step
		s.Host.Records = &meddled{s.Records, sync.OnceFunc(func() {
			a := s.Attempt()
			kept(a)
			a.ID = flow.AttemptID(c.by)
			if out, err := rival.Resume(t.Context(), a, extensiontest.Post("code", right)); err != nil || out.Kind != flow.IsDone {
				t.Errorf("the rival: %+v, %v", out, err)
			}
		})}
		s.Parts = s.Open(t, letter.Factory(), "outbox: "+t.TempDir())
		a := s.Attempt()
		kept(a)
		if got := s.says(a, extensiontest.Post("code", right)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
