package letter_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/letter"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

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

func TestCheckLooksForTheFolder(t *testing.T) {
	for folder, well := range map[string]bool{t.TempDir(): true, "missing": false, "letter.go": false} {
		err := letter.Factory().Read(func(into any) error {
			into.(*letter.Config).Outbox = folder
			return nil
		})
		if (err == nil) != well {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
