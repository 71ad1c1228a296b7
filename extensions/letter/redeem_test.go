package letter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
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
)

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
	s := open(t, "tries_per_address: 20")
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

// A day's figure is one of a day: a wrong code now and then does not add up,
// and who is shut out is told when that day ends.
func TestAnAddressBearsWrongCodesPerDay(t *testing.T) {
	s := open(t, "tries_per_address: 20")
	for i := range 25 {
		if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", other)); got != "problem.wrong" {
			t.Fatalf("day %d: %s", i+1, got)
		}
		s.Clock.Pass(23 * time.Hour)
	}
	s.Clock.Pass(s.Clock.Now().Truncate(day).Add(day).Sub(s.Clock.Now()))
	for i := range 20 {
		if got := s.says(s.draft("192.0.2.7/32"), extensiontest.Post("code", other)); got != "problem.wrong" {
			t.Fatalf("try %d: %s", i+1, got)
		}
	}
	s.Clock.Pass(6 * time.Hour)
	a := s.draft("192.0.2.7/32")
	out, err := s.Step.Resume(t.Context(), a, extensiontest.Post("code", other))
	if err != nil || len(out.View.Problems) != 1 || out.View.Problems[0].Key != "problem.locked" || out.View.Problems[0].Args["Wait"] != 18*time.Hour {
		t.Errorf("got %+v, %v", out, err)
	}
	s.Clock.Pass(18 * time.Hour)
	if got := s.says(a, extensiontest.Post("code", other)); got != "problem.wrong" {
		t.Errorf("the next day: %s", got)
	}
}

// A provider gives a customer up to 65,536 addresses as they are counted.
func TestANetworkBearsFourTimesAsManyWrongCodes(t *testing.T) {
	s := open(t, "tries_per_address: 2")
	for i := range 9 {
		want := "problem.wrong"
		if i == 8 {
			want = "problem.locked"
		}
		if got := s.says(s.draft(fmt.Sprintf("2001:db8:1:%x::/64", i)), extensiontest.Post("code", other)); got != want {
			t.Errorf("try %d: %s, want %s", i+1, got, want)
		}
	}
	if got := s.says(s.draft("2001:db8:2::/64"), extensiontest.Post("code", other)); got != "problem.wrong" {
		t.Errorf("elsewhere: %s", got)
	}
}

// Of those who share an address, who types wrong codes uses up their own tries.
func TestABrowserUsesUpItsOwnTries(t *testing.T) {
	s := open(t, "")
	plant(flow.Registration, right, 60*day)(s.Stage)
	from := func(browser string) *flow.Attempt {
		a := s.draft("192.0.2.7/32")
		a.Browser = browser
		return a
	}
	for i := range 40 {
		want := "problem.wrong"
		if i >= 5 {
			want = "problem.locked"
		}
		if got := s.says(from("one"), extensiontest.Post("code", other)); got != want {
			t.Errorf("try %d: %s, want %s", i+1, got, want)
		}
	}
	if got := s.says(from("another"), extensiontest.Post("code", right)); got != "keep" {
		t.Errorf("a neighbour: %s", got)
	}
	s.Clock.Pass(day)
	if got := s.says(from("one"), extensiontest.Post("code", right)); got != "keep" {
		t.Errorf("a day later: %s", got)
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

func TestACrashAfterTheUseLeavesTheNextLetterFree(t *testing.T) {
	s := &scene{T: t, Stage: extensiontest.NewStage("letter"), folder: t.TempDir()}
	puts := 0
	s.Host.Records = &meddled{s.Records, func() {
		if puts++; puts == 4 { // the order, its code, the use, and then
			s.Records.Break(errors.New("down"))
		}
	}}
	s.Parts = s.Open(t, letter.Factory(), "outbox: "+s.folder)
	s.order(nil)
	code := s.only(s.posted()).Data["code"]
	if got := s.uses(code, 2); got != "later" {
		t.Fatal(got)
	}
	s.Records.Break(nil)
	if got := s.uses(code, 2); got != "done" {
		t.Fatal(got)
	}
	s.order(nil)
	if got := s.posted(); len(got) != 2 {
		t.Errorf("%d letters, want another one", len(got))
	}
}
