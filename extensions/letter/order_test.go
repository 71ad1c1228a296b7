package letter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

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

func TestWhoHasSignedInAndUsedACodeMayOrder(t *testing.T) {
	s := open(t, "")
	if got := s.orders(s.Attempt()); got != "ordered" {
		t.Fatal(got)
	}
	code := s.only(s.posted()).Data["code"]
	if got := s.orders(s.Attempt()); got != "problem.under_way" {
		t.Fatal(got)
	}
	if got := s.says(s.Attempt(), extensiontest.Post("code", code)); got != "done" {
		t.Fatal(got)
	}
	if got := s.orders(s.Attempt()); got != "ordered" || len(s.posted()) != 2 {
		t.Errorf("%s, %d letters", got, len(s.posted()))
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

// A day's figure is one of a day: one letter a day never shuts an address, and
// who is shut is told when that day ends.
func TestOrdersOfADayEndWithTheDay(t *testing.T) {
	s := open(t, "orders_per_address: 2")
	for range 4 {
		if got := s.orders(s.draft("192.0.2.7/32")); got != "ordered" {
			t.Error(got)
		}
		s.Clock.Pass(20 * time.Hour)
	}
	s = open(t, "orders_per_address: 1")
	midnight := s.Clock.Now().Truncate(day).Add(day)
	s.orders(s.draft("192.0.2.7/32"))
	s.Clock.Pass(time.Hour)
	out, err := s.Step.Resume(t.Context(), s.draft("192.0.2.7/32"), extensiontest.Post("wish", "order"))
	if err != nil || len(out.View.Problems) != 1 || out.View.Problems[0].Args["Wait"] != midnight.Sub(s.Clock.Now()) {
		t.Errorf("%+v, %v; want %v", out.View.Problems, err, midnight.Sub(s.Clock.Now()))
	}
	s.Clock.Pass(midnight.Sub(s.Clock.Now()))
	if got := s.orders(s.draft("192.0.2.7/32")); got != "ordered" {
		t.Errorf("on the next day: %s", got)
	}
}

// A provider gives a customer up to 65,536 addresses as they are counted.
func TestOrdersAreBoundedPerNetwork(t *testing.T) {
	s := open(t, "orders_per_address: 2")
	for n := range 9 {
		want := "ordered"
		if n == 8 {
			want = "problem.orders"
		}
		if got := s.orders(s.draft(fmt.Sprintf("2001:db8:1:%x::/64", n))); got != want {
			t.Errorf("order %d: %s, want %s", n+1, got, want)
		}
	}
	for _, from := range []string{"2001:db8:2::/64", "192.0.2.7/32", "192.0.2.8/32"} {
		if got := s.orders(s.draft(from)); got != "ordered" {
			t.Errorf("from %s: %s", from, got)
		}
	}
}
