package http_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdhttp "net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/http"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

// finds holds that somebody is found.
func (s *stage) finds(number member.KVNR) {
	s.Helper()
	if m, err := s.parts.Directory.Find(s.Context(), number); err != nil || m.KVNR != number {
		s.Errorf("a member on file: %v", err)
	}
}

// later holds that nothing is concluded, and nothing told.
func (s *stage) later() error {
	s.Helper()
	m, err := s.parts.Directory.Find(s.Context(), anna)
	if !errors.Is(err, member.ErrUnavailable) || errors.Is(err, member.ErrNotFound) || !cmp.Equal(m, member.Member{}) {
		s.Errorf("concluded: %v", err)
	}
	for _, secret := range []string{string(anna), "123456780", "Müller", "04.03.1950", "t0ken", "geheim"} {
		if err != nil && strings.Contains(err.Error()+s.Log(), secret) {
			s.Errorf("%s is told: %v\n%s", secret, err, s.Log())
		}
	}
	return err
}

func TestDirectory(t *testing.T) {
	membertest.Run(t, func(t *testing.T, people []member.Member) member.Directory {
		s := prepare(t, people...)
		return s.Open(t, http.Factory(), s.config("namesakes_url: "+s.server.URL+"/namesakes")).Directory
	})
}

func TestDirectoryThatKeepsNothing(t *testing.T) {
	membertest.Run(t, func(t *testing.T, people []member.Member) member.Directory {
		return open(t, "keep: 0s", people...).parts.Directory
	})
}

func TestTheNumberStandsInNoAddress(t *testing.T) {
	s := open(t, "", person(anna))
	s.finds(anna)
	if diff := cmp.Diff([]string{"/lookup"}, s.asked); diff != "" {
		t.Error(diff)
	}
}

// saying answers with a status, a type and a body.
func saying(status int, form, body string) func(stdhttp.ResponseWriter, *stdhttp.Request) bool {
	return func(w stdhttp.ResponseWriter, _ *stdhttp.Request) bool {
		w.Header().Set("Content-Type", form)
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}

const js = "application/json"

// with is the record of the README's person, changed.
func with(change func(map[string]any)) string {
	r := record(person(anna))
	change(r)
	raw, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func put(name string, value any) string { return with(func(r map[string]any) { r[name] = value }) }

func TestFailures(t *testing.T) {
	good := with(func(map[string]any) {})
	twice := strings.Replace(good, `"status":"active"`, `"status":"left","status":"active"`, 1)
	for name, c := range map[string]struct {
		fault func(stdhttp.ResponseWriter, *stdhttp.Request) bool
		want  string // in the error
		calls int
	}{
		"slow":        {func(_ stdhttp.ResponseWriter, r *stdhttp.Request) bool { <-r.Context().Done(); return true }, "deadline", 1},
		"500":         {saying(500, js, good), "answered 500", 3},
		"503":         {saying(503, js, good), "answered 503", 3},
		"429":         {saying(429, js, good), "answered 429", 3},
		"400":         {saying(400, js, good), "answered 400", 1},
		"401":         {saying(401, js, good), "answered 401", 1},
		"204":         {saying(204, js, ""), "answered 204", 1},
		"410":         {saying(410, js, good), "answered 410", 1},
		"another 404": {saying(404, "text/html", "<p>nginx"), "answered 404", 1},
		"404 of text": {saying(404, "text/plain", "404 page not found"), "answered 404", 1},
		"redirect": {func(w stdhttp.ResponseWriter, r *stdhttp.Request) bool {
			stdhttp.Redirect(w, r, "/elsewhere", stdhttp.StatusTemporaryRedirect)
			return true
		}, "answered 307", 1},
		"hangs up": {func(stdhttp.ResponseWriter, *stdhttp.Request) bool { panic(stdhttp.ErrAbortHandler) }, "EOF", 3},
		"truncated": {func(w stdhttp.ResponseWriter, _ *stdhttp.Request) bool {
			w.Header().Set("Content-Type", js)
			w.Header().Set("Content-Length", "5000")
			io.WriteString(w, good)
			return true
		}, "unexpected EOF", 3},
		"compressed": {func(w stdhttp.ResponseWriter, r *stdhttp.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			return saying(200, js, good)(w, r)
		}, "no JSON", 1},
		"another type":           {saying(200, "text/html", good), "no JSON", 1},
		"a problem with 200":     {saying(200, "application/problem+json", good), "no JSON", 1},
		"no type":                {saying(200, "", good), "no JSON", 1},
		"empty":                  {saying(200, js, ""), "no JSON", 1},
		"half a record":          {saying(200, js, good[:len(good)/2]), "no JSON", 1},
		"garbage":                {saying(200, js, "<html>geheim"), "no JSON", 1},
		"null":                   {saying(200, js, "null"), "kvnr is no number", 1},
		"a list":                 {saying(200, js, "["+good+"]"), "none of the documented", 1},
		"two records":            {saying(200, js, good+good), "something behind", 1},
		"not UTF-8":              {saying(200, js, strings.Replace(good, "Müller", "M\xfcller", 1)), "not UTF-8", 1},
		"huge":                   {saying(200, js, good+strings.Repeat(" ", 64<<10)), "too large", 1},
		"deep":                   {saying(200, js, put("cards", strings.Repeat("x", 2))[:1]+`"cards":`+strings.Repeat("[", 100)), "nested too deep", 1},
		"another's record":       {saying(200, js, put("kvnr", string(bernd))), "another number", 1},
		"no number":              {saying(200, js, put("kvnr", "")), "kvnr is no number", 1},
		"number in lower case":   {saying(200, js, put("kvnr", "a123456780")), "kvnr is no number", 1},
		"unknown status":         {saying(200, js, put("status", "geheim")), "status is none of", 1},
		"no status":              {saying(200, js, with(func(r map[string]any) { delete(r, "status") })), "status is none of", 1},
		"status null":            {saying(200, js, put("status", nil)), "status is none of", 1},
		"status twice":           {saying(200, js, twice), "a name twice", 1},
		"status in another case": {saying(200, js, put("STATUS", "left")), "not in lower case", 1},
		"unknown name":           {saying(200, js, put("geheim", "geheim")), "none of the documented", 1},
		"another kind of value":  {saying(200, js, put("postcode", 1067)), "none of the documented", 1},
		"no surname":             {saying(200, js, put("surname", " ")), "surname is empty", 1},
		"long name":              {saying(200, js, put("given", strings.Repeat("x", 201))), "over 200 bytes", 1},
		"line end in mail":       {saying(200, js, put("mail", "a@b\r\nBcc: geheim@x")), "control character", 1},
		"birth date":             {saying(200, js, put("birth_date", "04.03.1950")), "birth_date", 1},
		"postcode":               {saying(200, js, put("postcode", "1067")), "postcode is not five", 1},
		"postcode alone":         {saying(200, js, put("has_address", false)), "without an address", 1},
		"card":                   {saying(200, js, put("cards", []map[string]string{{"last4": "42"}})), "cards: last4", 1},
		"card's unknown name":    {saying(200, js, put("cards", []map[string]string{{"geheim": "42"}})), "none of the documented", 1},
		"21 cards":               {saying(200, js, put("cards", make([]map[string]string, 21))), "too many cards", 1},
	} {
		t.Run(name, func(t *testing.T) {
			more := ""
			if name == "slow" {
				more = "timeout: 1s"
			}
			s := open(t, more, person(anna))
			s.set(func() { s.fault = c.fault })
			if err := s.later(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
			if n := s.count(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			s.set(func() { s.fault = nil })
			s.finds(anna) // a failure is not kept
		})
	}
}

func TestNobodyThere(t *testing.T) {
	s := open(t, "", person(anna))
	s.server.Close()
	_ = s.later()
}

func TestAFailureThatPassesIsNotNoticed(t *testing.T) {
	s := open(t, "", person(anna))
	left := 2
	s.set(func() {
		s.fault = func(w stdhttp.ResponseWriter, _ *stdhttp.Request) bool {
			if left--; left >= 0 {
				w.WriteHeader(stdhttp.StatusBadGateway)
			}
			return left >= 0
		}
	})
	s.finds(anna)
	if s.count() != 3 {
		t.Errorf("%d calls", s.count())
	}
}

func TestAServiceThatIsDownIsLeftAlone(t *testing.T) {
	s := open(t, "", person(anna))
	s.set(func() { s.fault = saying(503, js, "") })
	_ = s.later()
	_ = s.later()
	before := s.count()
	if err := s.later(); before != 5 || s.count() != 5 || !strings.Contains(err.Error(), "not asked again yet") {
		t.Errorf("%d calls, then %d: %v", before, s.count(), err)
	}
	if !strings.Contains(s.Log(), "state=open") {
		t.Errorf("not said:\n%s", s.Log())
	}
}

// TestOneNumberClosesNothing: a number that the service stumbles over, an answer
// that is garbage, and people who hang up say nothing of the service.
func TestOneNumberClosesNothing(t *testing.T) {
	for name, answer := range map[string]func(stdhttp.ResponseWriter, *stdhttp.Request) bool{
		"500": saying(500, js, ""), "garbage": saying(200, js, "{"), "404": saying(404, js, "{}"), "400": saying(400, js, ""),
	} {
		s := open(t, "keep: 0s", person(anna))
		s.set(func() { s.fault = answer })
		for range 6 {
			if _, err := s.parts.Directory.Find(t.Context(), anna); err == nil {
				t.Errorf("%s: found", name)
			}
		}
		s.set(func() { s.fault = nil })
		s.finds(anna)
	}
	s := open(t, "keep: 0s", person(anna))
	for range 6 {
		ctx, hangUp := context.WithCancel(t.Context())
		s.set(func() {
			s.fault = func(_ stdhttp.ResponseWriter, r *stdhttp.Request) bool {
				hangUp()
				<-r.Context().Done()
				return true
			}
		})
		if _, err := s.parts.Directory.Find(ctx, anna); !errors.Is(err, member.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("whoever hangs up: %v", err)
		}
	}
	s.set(func() { s.fault = nil })
	s.finds(anna)
}

func TestAServiceIsAskedAgainAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := http.Policy(extensiontest.NewStage("members").Host.Log)
		down := func() ([]byte, error) { return nil, http.Refusal(503) }
		for range 2 {
			if _, err := p.Get(down); err == nil {
				t.Fatal("no error")
			}
		}
		asked := 0
		up := func() ([]byte, error) { asked++; return nil, nil }
		if _, err := p.Get(up); err == nil || asked > 0 {
			t.Errorf("asked %d times while it is left alone: %v", asked, err)
		}
		time.Sleep(2*time.Second + time.Millisecond) // of the bubble's clock
		if _, err := p.Get(up); err != nil || asked != 1 {
			t.Errorf("asked %d times afterwards: %v", asked, err)
		}
	})
}

func TestAnswersAreUsedAgain(t *testing.T) {
	s := open(t, "keep: 5s", person(anna))
	ask := func(calls int) {
		t.Helper()
		s.finds(anna)
		if _, err := s.parts.Directory.Find(t.Context(), bernd); !errors.Is(err, member.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if n := s.count(); n != calls {
			t.Errorf("%d calls, want %d", n, calls)
		}
	}
	ask(2)
	s.Clock.Pass(5*time.Second - 1)
	ask(2)
	s.Clock.Pass(1)
	ask(4)
	s.set(func() { s.people = nil })
	s.Clock.Pass(5 * time.Second)
	if _, err := s.parts.Directory.Find(t.Context(), anna); !errors.Is(err, member.ErrNotFound) {
		t.Errorf("somebody who is gone: %v", err)
	}
}

func TestNothingIsUsedAgain(t *testing.T) {
	s := open(t, "keep: 0s", person(anna))
	s.finds(anna)
	s.finds(anna)
	if s.count() != 2 {
		t.Errorf("%d calls", s.count())
	}
}

func TestARotatedToken(t *testing.T) {
	s := open(t, "keep: 0s", person(anna))
	s.finds(anna)
	s.set(func() { s.token = "n3w" })
	if err := s.later(); !strings.Contains(fmt.Sprint(err), "answered 401") {
		t.Errorf("%v", err)
	}
	s.write("token", []byte("n3w\r\n"))
	s.finds(anna)
	for _, broken := range []string{"", "geheim geheim", "geheim\ngeheim", strings.Repeat("x", 4097), "gehe\u00efm"} {
		s.write("token", []byte(broken))
		if err := s.later(); !strings.Contains(fmt.Sprint(err), "holds no token") {
			t.Errorf("%v", err)
		}
		if err := s.parts.Ready(t.Context()); err == nil {
			t.Error("ready without a token")
		}
	}
	s.write("token", []byte("n3w"))
	if err := s.parts.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestAServiceThatIsDownMakesNoReplicaUnready(t *testing.T) {
	s := open(t, "")
	s.server.Close()
	if err := s.parts.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClientCertificate(t *testing.T) {
	s := prepare(t, person(anna))
	s.server.TLS.ClientAuth = tls.RequireAnyClientCert
	s.set(func() { s.token = "" })
	s.certificate(1)
	both := "url: " + s.server.URL + "/lookup\ntls: {ca_file: " + s.file("ca.pem") + ", cert_file: " + s.file("client.pem") +
		", key_file: " + s.file("client-key.pem") + "}\nkeep: 0s"
	s.set(func() {
		s.fault = func(w stdhttp.ResponseWriter, r *stdhttp.Request) bool {
			if r.Header.Get("Authorization") != "" {
				t.Error("a token is shown that nobody has")
			}
			r.Header.Set("Authorization", "Bearer ")
			return false
		}
	})
	s.parts = s.Open(t, http.Factory(), both)
	s.finds(anna)
	s.certificate(2)
	s.server.CloseClientConnections()
	s.finds(anna)
	if s.shown != "2" {
		t.Errorf("certificate %s is shown", s.shown)
	}
	s.write("client.pem", []byte("x"))
	s.server.CloseClientConnections()
	_ = s.later()
	if err := s.parts.Ready(t.Context()); err == nil {
		t.Error("ready without a certificate")
	}
	if _, err := http.Factory().Open(t.Context(), s.Host, extensiontest.Decoder(both)); err == nil {
		t.Error("opened without a certificate")
	}
}

func TestAServiceOfAnotherAuthorityIsNotBelieved(t *testing.T) {
	s := prepare(t, person(anna))
	s.certificate(1)
	s.write("ca.pem", must(os.ReadFile(s.file("client.pem"))))
	s.parts = s.Open(t, http.Factory(), s.config(""))
	if err := s.later(); !strings.Contains(fmt.Sprint(err), "certificate") || s.count() > 0 {
		t.Errorf("%v, %d calls", err, s.count())
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestExtension(t *testing.T) {
	s := prepare(t)
	extensiontest.Run(t, http.Factory, extensiontest.Case{Name: "a service", Config: s.config("")})
}
