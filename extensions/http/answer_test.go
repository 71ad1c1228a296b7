package http_test

import (
	"encoding/json"
	"errors"
	stdhttp "net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/http"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

func TestNamesakes(t *testing.T) {
	s := open(t, "", membertest.People()...)
	if got, err := member.Namesakes(t.Context(), s.parts.Directory, anna); len(got) != 0 || err != nil || s.count() != 0 {
		t.Errorf("without an address: %d, %v", len(got), err)
	}
	s = open(t, "namesakes_url: https://127.0.0.1:1/namesakes")
	if got, err := member.Namesakes(t.Context(), s.parts.Directory, anna); len(got) != 0 || !errors.Is(err, member.ErrUnavailable) {
		t.Errorf("nobody there: %d, %v", len(got), err)
	}
	one := put("kvnr", string(bernd))
	for want, body := range map[string]string{
		"":                               `{"members":[` + one + `]}`,
		"members is missing":             `{}`,
		"members is missing ":            `{"members":null}`,
		"none of the documented":         `{"members":{}}`,
		"kvnr is no number":              `{"members":[{}]}`,
		"status is none of":              `{"members":[` + strings.Replace(one, `"status":"active"`, `"status":"aktiv"`, 1) + `]}`,
		"more namesakes":                 `{"members":[` + strings.Repeat(one+",", 20) + one + `]}`,
		"the person is among":            `{"members":[` + put("kvnr", string(anna)) + `]}`,
		"the answer is not as documente": `[]`,
	} {
		got, err := http.ReadNamesakes([]byte(body), anna)
		if want == "" && (err != nil || len(got) != 1 || got[0].KVNR != bernd) {
			t.Errorf("a good answer: %v", err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || len(got) != 0) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestTheAddressIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want bool
	}{
		"by the postcode": {with(func(r map[string]any) { delete(r, "has_address") }), true},
		"by itself":       {put("has_address", true), true},
		"abroad":          {with(func(r map[string]any) { r["postcode"] = "" }), true},
		"not at all":      {with(func(r map[string]any) { delete(r, "has_address"); delete(r, "postcode") }), false},
		"as missing":      {with(func(r map[string]any) { r["has_address"] = false; delete(r, "postcode") }), false},
	} {
		if m, err := http.Read([]byte(c.body), anna); err != nil || m.HasAddress != c.want {
			t.Errorf("%s: %v, %v", name, m.HasAddress, err)
		}
	}
}

var block = regexp.MustCompile("(?s)```json\n(.*?)```")

// TestReadme holds the documented exchange to the one that is spoken.
func TestReadme(t *testing.T) {
	found := block.FindAllStringSubmatch(string(must(os.ReadFile("README.md"))), -1)
	if len(found) != 3 {
		t.Fatalf("%d examples", len(found))
	}
	s := open(t, "")
	s.set(func() {
		s.fault = func(w stdhttp.ResponseWriter, r *stdhttp.Request) bool {
			var asked, documented any
			if err := errors.Join(json.NewDecoder(r.Body).Decode(&asked), json.Unmarshal([]byte(found[0][1]), &documented)); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(documented, asked); diff != "" {
				t.Errorf("the question (-documented +asked):\n%s", diff)
			}
			return saying(200, js, found[1][1])(w, r)
		}
	})
	got, err := s.parts.Directory.Find(t.Context(), anna)
	berlin := must(time.LoadLocation(member.Zone))
	want := member.Member{
		KVNR: anna, Status: member.StatusActive, Surname: "Beispiel", Given: "Anna Maria", BirthName: "Früher",
		BirthDate: "1950-03-04", HasAddress: true, Postcode: "10115", Mail: "anna@kasse.example",
		Cards: []member.Card{{LastFour: "0042", ValidFrom: time.Date(2022, 1, 1, 0, 0, 0, 0, berlin), State: member.CardActive}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	namesakes, err := http.ReadNamesakes([]byte(found[2][1]), anna)
	if err != nil || len(namesakes) != 1 || namesakes[0].Given != "Berta" {
		t.Errorf("%d namesakes, %v", len(namesakes), err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(with(func(map[string]any) {}))
	f.Add(put("STATUS", "left"))
	f.Add(put("cards", nil))
	f.Add(`{"kvnr":"A123456780","status":"active","surname":"x","cards":[{}]}`)
	f.Add(`{"members":[` + put("kvnr", string(bernd)) + `]}`)
	f.Add("[[[[[[[[")
	f.Fuzz(func(t *testing.T, body string) {
		m, err := http.Read([]byte(body), anna)
		if err == nil && (m.KVNR != anna || m.Status == member.StatusUnknown || m.Check() != nil || len(m.Cards) > member.MaxCards) {
			t.Fatalf("%q is read as a record that is none", body)
		}
		for _, c := range m.Cards {
			if err == nil && (c.State == member.CardUnknown || len(c.LastFour) != 4) {
				t.Fatalf("%q: a card that is none", body)
			}
		}
		people, err := http.ReadNamesakes([]byte(body), anna)
		if len(people) > member.MaxNamesakes || err != nil && len(people) > 0 {
			t.Fatalf("%q: %d people, %v", body, len(people), err)
		}
		for _, p := range people {
			if p.KVNR == anna || p.Status == member.StatusUnknown || p.Check() != nil {
				t.Fatalf("%q: a namesake that is none", body)
			}
		}
	})
}
