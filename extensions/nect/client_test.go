package nect_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schleuse/schleuse/extensions/nect"
	"github.com/schleuse/schleuse/sidecar/ident"
)

const caseID = "00000000-0000-4000-8000-000000000001"

// line is a transport that answers, or takes its time.
type line struct {
	calls  int
	status int
	slow   time.Duration
	body   string
	last   *http.Request
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.calls++
	l.last = r
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(l.slow):
	}
	return &http.Response{StatusCode: l.status, Body: io.NopCloser(strings.NewReader(l.body)), Request: r}, nil
}

func connect(t *testing.T, l *line) nect.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := nect.NewClient("https://nect.example/api", file, 8*time.Second, l)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request(t *testing.T) ident.Request {
	t.Helper()
	back, err := url.Parse("https://login.kasse.example/schleuse/x/nect/return/s")
	if err != nil {
		t.Fatal(err)
	}
	return ident.Request{Level: "substantial", Return: back, Callback: back, Language: "de"}
}

func TestTheInterfaceAsItIsAssumed(t *testing.T) {
	l := &line{status: 201, body: `{"caseId":"` + caseID + `","url":"https://jump.example/x"}`}
	c := connect(t, l)
	opened, err := c.Open(t.Context(), request(t))
	if err != nil || opened.Case != caseID || opened.Jump.String() != "https://jump.example/x" {
		t.Fatalf("%+v, %v", opened, err)
	}
	body, _ := io.ReadAll(l.last.Body)
	const want = `{"level":"substantial","redirectUrl":"https://login.kasse.example/schleuse/x/nect/return/s","callbackUrl":"https://login.kasse.example/schleuse/x/nect/return/s","language":"de"}`
	if string(body) != want || l.last.Method != http.MethodPost || l.last.URL.String() != "https://nect.example/api/cases" || l.last.Header.Get("X-Api-Key") != key {
		t.Errorf("%s %s: %s", l.last.Method, l.last.URL, body)
	}
	l.status, l.body = 200, strings.Replace(answers()["match"], "%s", caseID, 1)
	got, err := c.Result(t.Context(), caseID)
	if err != nil || got.State != ident.Succeeded || got.Person.Given != "Anna Maria" || l.last.URL.String() != "https://nect.example/api/cases/"+caseID {
		t.Errorf("%v, %v", got.State, err)
	}
	if _, err := c.Result(t.Context(), "../admin"); !errors.Is(err, ident.ErrNoCase) {
		t.Errorf("a case of another form: %v", err)
	}
	l.status = 302
	if _, err := c.Result(t.Context(), caseID); !errors.Is(err, ident.ErrUnavailable) {
		t.Errorf("a redirect: %v", err)
	}
}

func TestACallHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{status: 200, slow: time.Hour}
		c := connect(t, l)
		began := time.Now()
		_, err := c.Open(t.Context(), request(t))
		if !errors.Is(err, ident.ErrUnavailable) || time.Since(began) != 8*time.Second || l.calls != 1 {
			t.Errorf("%v after %v and %d calls", err, time.Since(began), l.calls)
		}
		began = time.Now()
		_, err = c.Result(t.Context(), caseID)
		if !errors.Is(err, ident.ErrUnavailable) || time.Since(began) != 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if strings.Contains(err.Error(), caseID) {
			t.Error("the error names the case")
		}
	})
}

func TestOnlyQuestionsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{status: 502}
		c := connect(t, l)
		if _, err := c.Result(t.Context(), caseID); !errors.Is(err, ident.ErrUnavailable) || l.calls != 3 {
			t.Errorf("%v after %d calls", err, l.calls)
		}
		if _, err := c.Open(t.Context(), request(t)); !errors.Is(err, ident.ErrUnavailable) || l.calls != 4 {
			t.Errorf("%v after %d calls", err, l.calls)
		}
		l.status = 404
		if _, err := c.Result(t.Context(), caseID); !errors.Is(err, ident.ErrNoCase) || l.calls != 5 {
			t.Errorf("%v after %d calls", err, l.calls)
		}
	})
}

func TestWhoDoesNotAnswerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{status: 500}
		c := connect(t, l)
		for range 5 {
			c.Open(t.Context(), request(t))
		}
		if !c.Resting() || l.calls != 5 {
			t.Errorf("resting %v after %d calls", c.Resting(), l.calls)
		}
		if _, err := c.Open(t.Context(), request(t)); !errors.Is(err, ident.ErrUnavailable) || l.calls != 5 {
			t.Errorf("%v after %d calls", err, l.calls)
		}
		time.Sleep(30*time.Second + time.Millisecond)
		if c.Resting() {
			t.Error("nobody would ever ask again")
		}
		l.status, l.body = 201, `{"caseId":"`+caseID+`","url":"https://jump.example/x"}`
		if _, err := c.Open(context.WithoutCancel(t.Context()), request(t)); err != nil || c.Resting() {
			t.Errorf("%v, resting %v", err, c.Resting())
		}
	})
}

func TestAnOutageOffersTheOtherWays(t *testing.T) {
	w := in(t, "match")
	w.nect.breaks(500, "")
	a := w.attempt(1, "registration")
	for range 5 {
		w.expect(w.presses(a, "start"), "down")
	}
	w.expect(w.looks(a), "down")
	offer, err := w.parts.Offer(t.Context(), a)
	if err != nil || offer.Available || offer.Reason != "closed.down" {
		t.Errorf("%+v, %v", offer, err)
	}
	w.expect(w.presses(a, "end"), "denied.ended")
}

func FuzzAnswers(f *testing.F) {
	for _, text := range answers() {
		f.Add([]byte(strings.Replace(text, "%s", caseID, 1)))
	}
	f.Add([]byte(`{"caseId":"` + caseID + `","url":"https://jump.example/x"}`))
	f.Add([]byte(strings.Repeat("[", 10_000)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := nect.ReadResult(raw, caseID)
		switch {
		case err != nil && (got != ident.Result{} || !errors.Is(err, ident.ErrUnavailable)):
			t.Errorf("%+v beside %v", got.State, err)
		case err == nil && got.State == 0:
			t.Error("no state, and no error")
		case err == nil && got.State != ident.Succeeded && got.Person != ident.Person{}:
			t.Error("a person beside a case that came to nothing")
		}
		opened, err := nect.ReadOpened(raw)
		if err == nil && (opened.Jump == nil || len(opened.Case) != 36) {
			t.Errorf("%+v", opened)
		}
	})
}
