package home_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/home"
	"github.com/schleuse/schleuse/e2e/stage"
)

func TestChambersFollowTheLatestLogin(t *testing.T) {
	cases := map[string]struct {
		actions []string // newest first
		want    string
	}{
		"nothing yet":         {nil, "closed closed closed closed"},
		"held":                {[]string{"login.held", "login.released"}, "passed passed open closed"},
		"card proven":         {[]string{"role.grant", "login.held"}, "passed passed passed open"},
		"released":            {[]string{"login.released", "role.grant"}, "passed passed passed passed"},
		"known already":       {[]string{"login.passed"}, "passed passed passed passed"},
		"refused":             {[]string{"session.end", "login.failed", "login.held"}, "passed passed refused closed"},
		"something else last": {[]string{"token.refused", "login.held"}, "passed passed open closed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var entries []home.Entry
			for _, action := range c.actions {
				entries = append(entries, home.Entry{Action: action})
			}
			var got []string
			for _, chamber := range home.Chambers(entries) {
				got = append(got, chamber.State)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func get(t *testing.T, h *home.Home, path string) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
	return recorder.Body.String()
}

func TestThePageSaysWhatToType(t *testing.T) {
	ports := stage.PortsFrom(18000)
	body := get(t, &home.Home{Content: home.DemoContent(ports)}, "/")
	for _, want := range []string{
		"Kundin mit Konto", "Neuer Kunde", "Kundin mit Telefon", stage.Hanna.Number, `href="http://app.localhost:18004/" data-phone`, "Dieb", "Mitarbeiterin",
		stage.Anna.Number, stage.Anna.Password, stage.Anna.Digits, stage.Sabine.Number,
		ports.SiteURL(), ports.PartnerURL(),
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestTheLivePartShowsAuditAndTrouble(t *testing.T) {
	h := &home.Home{Tail: func(context.Context) ([]home.Entry, error) {
		return []home.Entry{{Action: "login.held", Client: "webcenter", Result: "ok"}}, errors.New("zerrissen")
	}}
	body := get(t, h, "/live")
	for _, want := range []string{"login.held", "webcenter", "zerrissen", `class="open"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the live part does not say %q", want)
		}
	}
}

func TestLettersAreShownNewestFirst(t *testing.T) {
	folder := fstest.MapFS{
		"a.json":         {Data: []byte(`{"type":"letter.code","timestamp":"2026-11-24T10:00:00Z","data":{"number":"A123456780","code":"ABCD-EFGH-JKLM","purpose":"registration","url":"http://login.localhost/x#ABCD"}}`)},
		"b.json":         {Data: []byte(`{"type":"letter.notice","timestamp":"2026-11-24T11:00:00Z","data":{"number":"A123456780","template":"account_created"}}`)},
		".letter-c.json": {Data: []byte(`{`)},
	}
	answer := httptest.NewRecorder()
	home.Letters(folder).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/letters", nil))
	page := answer.Body.String()
	code, notice := strings.Index(page, "ABCD-EFGH-JKLM"), strings.Index(page, "account_created")
	if answer.Code != 200 || notice < 0 || code < notice {
		t.Errorf("%d: %s", answer.Code, page)
	}
}
