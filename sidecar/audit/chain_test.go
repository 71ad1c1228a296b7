package audit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
)

var at = time.Date(2026, 12, 1, 8, 0, 0, 123456789, time.UTC)

func entry(action string, person account.ID) audit.Entry {
	return audit.Entry{
		Time: at, Phase: audit.Fact, Action: action, Step: "egk", Client: "webcenter",
		Result: "ok", Ref: "r1", Person: person, Detail: map[string]string{"ip": "192.0.2.1"},
	}
}

func line(t *testing.T, e audit.Entry, k audit.PersonKey) audit.Line {
	t.Helper()
	l, err := audit.Seal(e, k)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// chain returns three batches of two lines each, with their links.
func chain(t *testing.T) ([]audit.Batch, []audit.Hash) {
	t.Helper()
	k := audit.NewPersonKey()
	var batches []audit.Batch
	var links []audit.Hash
	var prev audit.Hash
	for seq := range int64(3) {
		b := audit.Batch{Stream: "main", Seq: seq + 1, Prev: prev, Lines: []audit.Line{
			line(t, entry(fmt.Sprint("a", seq), "p"), k), line(t, entry(fmt.Sprint("b", seq), ""), k),
		}}
		prev = b.Hash()
		batches, links = append(batches, b), append(links, prev)
	}
	return batches, links
}

func TestVerifierSeesEveryChange(t *testing.T) {
	tests := map[string]struct {
		change func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash)
		ok     bool
	}{
		"none": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) { return b, h }, true},
		"a batch removed": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
			return append(b[:1:1], b[2]), append(h[:1:1], h[2])
		}, false},
		"two batches swapped": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
			b[1], b[2], h[1], h[2] = b[2], b[1], h[2], h[1]
			return b, h
		}, false},
		"a batch replaced with a fitting link": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
			b[1].Lines = b[1].Lines[:1]
			h[1] = b[1].Hash()
			return b, h
		}, false},
		"another stream": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
			b[2].Stream = "other"
			h[2] = b[2].Hash()
			return b, h
		}, false},
		"a number left out": {func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
			b[2].Seq = 4
			h[2] = b[2].Hash()
			return b, h
		}, false},
		"a line removed": {changed(func(b *audit.Batch) { b.Lines = b.Lines[:1] }), false},
		"lines swapped":  {changed(func(b *audit.Batch) { b.Lines[0], b.Lines[1] = b.Lines[1], b.Lines[0] }), false},
		"the time":       {changed(func(b *audit.Batch) { b.Lines[0].Time = at.Add(time.Second) }), false},
		"the phase":      {changed(func(b *audit.Batch) { b.Lines[0].Phase = audit.Intent }), false},
		"a word moved": {changed(func(b *audit.Batch) {
			b.Lines[0].Step, b.Lines[0].Client = "", b.Lines[0].Step+b.Lines[0].Client
		}), false},
		"the result":  {changed(func(b *audit.Batch) { b.Lines[0].Result = "refused" }), false},
		"the ref":     {changed(func(b *audit.Batch) { b.Lines[0].Ref = "r2" }), false},
		"the payload": {changed(func(b *audit.Batch) { b.Lines[0].Sealed[0] ^= 1 }), false},
		"the key":     {changed(func(b *audit.Batch) { b.Lines[0].Key[0] ^= 1 }), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			batches, links := tt.change(chain(t))
			v := audit.Verifier{Stream: "main"}
			var err error
			for i := range batches {
				if err = v.Next(batches[i], links[i]); err != nil {
					break
				}
			}
			if tt.ok && (err != nil || v.Lines != 6) {
				t.Errorf("%d lines, %v", v.Lines, err)
			}
			if !tt.ok && !errors.Is(err, audit.ErrBroken) {
				t.Errorf("err = %v, want ErrBroken", err)
			}
		})
	}
}

// changed changes the second of the batches and leaves the links.
func changed(f func(*audit.Batch)) func([]audit.Batch, []audit.Hash) ([]audit.Batch, []audit.Hash) {
	return func(b []audit.Batch, h []audit.Hash) ([]audit.Batch, []audit.Hash) {
		f(&b[1])
		return b, h
	}
}

func TestLineHidesThePersonAndOpensWithTheKeyOnly(t *testing.T) {
	k := audit.NewPersonKey()
	e := entry("login.held", "person-1")
	l := line(t, e, k)
	if s := fmt.Sprintf("%+v %s", l, l.Sealed); strings.Contains(s, "person-1") || strings.Contains(s, "192.0.2.1") {
		t.Errorf("the line shows the person: %s", s)
	}
	got, err := l.Entry(k)
	e.Time = e.Time.Truncate(time.Microsecond)
	if diff := cmp.Diff(e, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	other := audit.NewPersonKey()
	other.ID = k.ID
	if got, err := l.Entry(other); err == nil {
		t.Errorf("another key opens it: %+v", got)
	}
	if got := l.Public(); got.Person != "" || got.Detail != nil || got.Action != e.Action {
		t.Errorf("Public = %+v", got)
	}
	if s := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(s, fmt.Sprintf("%v", k.Key[:4])[1:10]) {
		t.Errorf("the key is printed: %s", s)
	}
}

func TestDetailOfNobodyIsDropped(t *testing.T) {
	l := line(t, entry("x", ""), audit.PersonKey{})
	if l.Sealed != nil || l.Key != (audit.KeyID{}) {
		t.Errorf("line = %+v", l)
	}
	if got, err := l.Entry(audit.PersonKey{}); err != nil || got.Detail != nil {
		t.Errorf("Entry = %+v, %v", got, err)
	}
}

func TestIncompleteEntriesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*audit.Entry){
		"phase":     func(e *audit.Entry) { e.Phase = 0 },
		"big phase": func(e *audit.Entry) { e.Phase = 4 },
		"action":    func(e *audit.Entry) { e.Action = "" },
		"time":      func(e *audit.Entry) { e.Time = time.Time{} },
		"size":      func(e *audit.Entry) { e.Detail["x"] = strings.Repeat("x", 16<<10) },
	} {
		e := entry("x", "p")
		change(&e)
		if _, err := audit.Seal(e, audit.NewPersonKey()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMemoryLogKeepsAndFails(t *testing.T) {
	log := &audittest.Log{Now: func() time.Time { return at }}
	if err := log.Append(t.Context(), audit.Entry{Phase: audit.Fact, Action: "a", Detail: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), audit.Entry{Action: "no phase"}); err == nil {
		t.Error("an entry without phase is kept")
	}
	broken := errors.New("broken")
	log.FailWith(broken)
	if err := log.Append(t.Context(), entry("b", "p")); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	want := []audit.Entry{{Time: at, Phase: audit.Fact, Action: "a"}}
	if diff := cmp.Diff(want, log.Entries()); diff != "" {
		t.Error(diff)
	}
}
