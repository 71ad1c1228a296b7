package nect_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/nect"
	"github.com/schleuse/schleuse/sidecar/flow"
)

const day = 24 * time.Hour

// Long after the case itself is forgotten it can be shown how somebody was
// identified, and a person who is forgotten does not take that along.
func TestEvidenceRemains(t *testing.T) {
	for age, kept := range map[time.Duration]bool{100*day - time.Second: true, 100 * day: false} {
		w := in(t, "match", "evidence: 2400h")
		a := w.attempt(1, flow.Registration)
		w.presses(a, "start")
		w.returns(a.ID)
		c := w.nect.last()
		at := w.Clock.Now()
		w.expect(w.looks(a), "done")
		w.expect(w.looks(a), "done")
		w.Clock.Pass(age)
		if n := w.Records.Len(); n > 1 || n == 1 != kept {
			t.Errorf("%d records after %v", n, age)
		}
		if !kept {
			continue
		}
		key := nect.EvidenceKey(c.id)
		if s := w.Records.Subject(key); s.Number != a.Number || !s.Evidence {
			t.Errorf("it is about %+v", s)
		}
		raw, _, err := w.Records.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"At": at.Format(time.RFC3339Nano), "Procedure": "eid", "Level": "substantial", "Case": c.id, "Verdict": "match",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// Nobody passes before the evidence is stored.
func TestWithoutEvidenceNobodyPasses(t *testing.T) {
	w := in(t, "match")
	a := w.attempt(1, flow.Registration)
	w.presses(a, "start")
	c := w.nect.last()
	w.returns(a.ID)
	if err := w.Records.Put(t.Context(), nect.EvidenceKey(c.id), 0, []byte(`{}`), time.Hour); err != nil {
		t.Fatal(err)
	}
	w.expect(w.looks(a), "later") // another's evidence is in its place
	w.expect(w.looks(a), "later")
	w.Clock.Pass(time.Hour)
	w.expect(w.looks(a), "done")
}
