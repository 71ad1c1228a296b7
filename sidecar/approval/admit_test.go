package approval_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
)

// askFrom asks from a browser session.
func (w *world) askFrom(key, session string) (approval.Approval, error) {
	r := approvaltest.Ask(key)
	r.Session = session
	a, _, err := w.Request(w.t.Context(), r)
	return a, err
}

func TestOneQuestionAtATime(t *testing.T) {
	w := newWorld(t)
	first, err := w.askFrom("1", "mine")
	w.must(err)
	for i, session := range []string{"theirs", ""} {
		_, err = w.askFrom(fmt.Sprint("no", i), session)
		w.want(err, approval.ErrPending)
	}
	var shown struct {
		Refused int `json:"refused"`
	}
	w.must(approvaltest.Payload(w.open(first), &shown))
	if shown.Refused != 2 {
		t.Errorf("the phone shows %d refused requests", shown.Refused)
	}
	second, err := w.askFrom("2", "mine")
	w.must(err)
	got, err := w.Get(t.Context(), approvaltest.Backend, first.ID)
	w.must(err)
	if got.State != approval.Cancelled || got.Reason != approval.Superseded || w.state(second) != approval.Pending {
		t.Errorf("%s %s, %s", got.State, got.Reason, w.state(second))
	}
	// Another action is another question.
	r := approvaltest.Ask("3")
	r.Action, r.Fields = approvaltest.Letters, map[string]string{"weg": "Post"}
	_, _, err = w.Request(t.Context(), r)
	w.must(err)
	// An unknown session is nobody's, also where the old one was unknown.
	w.Pass(5 * time.Minute)
	_, err = w.askFrom("4", "")
	w.must(err)
	_, err = w.askFrom("5", "")
	w.want(err, approval.ErrPending)
}

func TestThePhonesOwnRequestTakesThePlaceOfItsOlderOne(t *testing.T) {
	w := newWorld(t)
	r := approvaltest.Ask("1")
	r.Origin = w.origin(w.Phone.ID)
	first, _, err := w.Request(t.Context(), r)
	w.must(err)
	r.Key, r.Origin = "2", w.origin(w.Phone.ID)
	second, created, err := w.Request(t.Context(), r)
	w.must(err)
	if !created || w.state(first) != approval.Cancelled || w.state(second) != approval.Pending {
		t.Errorf("%v, %s, %s", created, w.state(first), w.state(second))
	}
}

func TestTheSameRequestAgainIsTheSameApproval(t *testing.T) {
	w := newWorld(t)
	a := w.ask("k")
	again, created, err := w.Request(t.Context(), approvaltest.Ask("k"))
	w.must(err)
	if created || again.ID != a.ID || again.MatchCode != a.MatchCode {
		t.Errorf("created %v, %s", created, again.ID)
	}
	for name, change := range map[string]func(*approval.Request){
		"content":  func(r *approval.Request) { r.Content = approval.HashOf([]byte("x")) },
		"field":    func(r *approval.Request) { r.Fields["neu"] = "x" },
		"session":  func(r *approval.Request) { r.Session = "x" },
		"subject":  func(r *approval.Request) { r.Number, r.Account = "", approvaltest.Erika },
		"lifetime": func(r *approval.Request) { r.Lifetime = time.Minute },
	} {
		r := approvaltest.Ask("k")
		change(&r)
		if _, _, err := w.Request(t.Context(), r); !errors.Is(err, approval.ErrKeyReused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTenInAnHour(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		_, err := w.askFrom(fmt.Sprint("k", i), "mine")
		w.must(err)
		w.Pass(time.Minute)
	}
	_, err := w.askFrom("one more", "mine")
	wantRetry(t, err, "too_many", 50*time.Minute)
	w.Pass(50*time.Minute - time.Microsecond)
	_, err = w.askFrom("one more", "mine")
	wantRetry(t, err, "too_many", time.Microsecond)
	w.Pass(time.Microsecond)
	_, err = w.askFrom("one more", "mine")
	w.must(err)
}

// TestOurOwnRequestsHaveAnHourOfTheirOwn: whoever wears out what clients may ask
// keeps nobody from vouching for a phone.
func TestOurOwnRequestsHaveAnHourOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		_, err := w.askFrom(fmt.Sprint("k", i), "mine")
		w.must(err)
	}
	own := approval.Own{Service: &w.Service}
	for i := range 11 {
		_, err := own.Ask(t.Context(), approval.Request{
			Number: approvaltest.Number, Action: approval.Enrol, Fields: map[string]string{"phone": "app"},
			Content: approval.HashOf([]byte("enrol")), Key: fmt.Sprint("own", i), Session: "sid",
		})
		if i == 10 {
			wantRetry(t, err, "too_many", time.Hour)
			return
		}
		w.must(err)
	}
}

func wantRetry(t *testing.T, err error, key string, wait time.Duration) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.TooMany || f.Key != key || f.Retry != wait {
		t.Fatalf("%v (%+v), want %s after %s", err, f, key, wait)
	}
}

// deny asks and denies.
func (w *world) deny(key string) {
	w.t.Helper()
	a := w.ask(key)
	w.must2(w.Answer(w.t.Context(), w.Phone.ID, a.ID, approvaltest.No(w.Phone, w.open(a), ""), device.Sealed{}))
}

func TestThePauseAfterDenialsGrows(t *testing.T) {
	w := newWorld(t)
	for i, pause := range []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, time.Hour} {
		w.deny(fmt.Sprint("k", i))
		_, err := w.askFrom("early", "mine")
		wantRetry(t, err, "paused", pause)
		w.Pass(pause - time.Second)
		_, err = w.askFrom("early", "mine")
		wantRetry(t, err, "paused", time.Second)
		w.Pass(time.Second)
	}
	// What expired does not end the row.
	w.ask("expires")
	w.Pass(5 * time.Minute)
	w.deny("again")
	_, err := w.askFrom("early", "mine")
	wantRetry(t, err, "paused", time.Hour)
	// Another action is not paused.
	r := approvaltest.Ask("other")
	r.Action, r.Fields = approvaltest.Letters, map[string]string{"weg": "Post"}
	_, _, err = w.Request(t.Context(), r)
	w.must(err)
	// An approval ends the row.
	w.Pass(time.Hour)
	w.confirmed("yes")
	w.Pass(approval.RedeemWithin)
	w.deny("first again")
	_, err = w.askFrom("early", "mine")
	wantRetry(t, err, "paused", time.Minute)
}

// guess asks, and types so many wrong codes.
func (w *world) guess(key string, times int) approval.Approval {
	w.t.Helper()
	a, err := w.askFrom(key, "mine")
	w.must(err)
	wrong := map[bool]string{true: "111", false: "000"}[a.MatchCode == "000"]
	for range times {
		_, err := w.answer(a, approvaltest.Yes(w.Phone, w.open(a), wrong))
		w.want(err, approval.ErrMatchCode)
	}
	return a
}

// Whoever has the phone and its password and guesses codes gets twelve tries a
// day, whether requests are denied, run out or are taken back.
func TestWrongCodesOfADayPauseAsDenialsDo(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		_, err := w.Cancel(t.Context(), approvaltest.Backend, w.guess(fmt.Sprint("k", i), 2).ID)
		w.must(err)
	}
	early := func(wait time.Duration) {
		t.Helper()
		_, err := w.askFrom("early", "mine")
		wantRetry(t, err, "paused", wait)
		w.Pass(wait - time.Second)
		_, err = w.askFrom("early", "mine")
		wantRetry(t, err, "paused", time.Second)
		w.Pass(time.Second)
	}
	early(5 * time.Minute)
	// A right one does not wash them away.
	w.confirmed("right")
	w.guess("l", 2)
	w.Pass(5 * time.Minute) // runs out
	early(5 * time.Minute)
	w.guess("m", 2)
	// One that waits is not replaced.
	_, err := w.askFrom("early", "mine")
	wantRetry(t, err, "paused", time.Hour)
	w.Pass(5 * time.Minute)
	early(time.Hour)
	last := w.guess("n", 2)
	w.Pass(5 * time.Minute)
	// Twelve: until the first of them are a day old. Of other actions, and of
	// our own, nothing is asked either.
	_, err = w.askFrom("early", "mine")
	wantRetry(t, err, "paused", approvaltest.Start.Add(24*time.Hour).Sub(w.Clock()))
	_, err = approval.Own{Service: &w.Service}.Ask(t.Context(), approval.Request{
		Number: approvaltest.Number, Action: approval.Enrol, Fields: map[string]string{"phone": "app"}, Content: approval.HashOf([]byte("enrol")), Key: "own",
	})
	wantRetry(t, err, "paused", approvaltest.Start.Add(24*time.Hour).Sub(w.Clock()))
	w.Pass(last.Created.Add(23 * time.Hour).Sub(w.Clock()))
	_, err = w.askFrom("later", "mine")
	w.must(err)
}
