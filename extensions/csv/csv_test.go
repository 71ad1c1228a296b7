package csv_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/csv"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

const (
	anna  = "A123456780;active;Beispiel;Anna Maria;Früher;1950-03-04;10115;anna@kasse.example;0042:2022-01-01:active"
	bernd = "b123 456 782 ; left ;Muster;;;1962-11;;;"
)

func file(lines ...string) string { return csv.Header + "\n" + strings.Join(lines, "\n") + "\n" }

type stage struct {
	*testing.T
	*extensiontest.Stage
	path  string
	parts extension.Parts
	ticks int
}

// write replaces the file, with a time of its own.
func (s *stage) write(content string) {
	s.Helper()
	if err := os.WriteFile(s.path, []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
	s.ticks++
	at := time.Date(2026, 1, 1, 0, 0, s.ticks, 0, time.UTC)
	if err := os.Chtimes(s.path, at, at); err != nil {
		s.Fatal(err)
	}
}

func prepare(t *testing.T, content string) *stage {
	t.Helper()
	s := &stage{T: t, Stage: extensiontest.NewStage("members"), path: filepath.Join(t.TempDir(), "members.csv")}
	s.write(content)
	return s
}

func open(t *testing.T, content string) *stage {
	t.Helper()
	s := prepare(t, content)
	s.parts = s.Open(t, csv.Factory(), "file: "+s.path)
	return s
}

func (s *stage) knows(number member.KVNR, want bool) {
	s.Helper()
	m, err := s.parts.Directory.Find(s.Context(), number)
	switch {
	case want && (err != nil || m.KVNR != number):
		s.Errorf("a member on file: %v", err)
	case !want && !errors.Is(err, member.ErrNotFound):
		s.Errorf("nobody on file: %v", err)
	}
}

func TestFind(t *testing.T) {
	s := open(t, file(anna, bernd))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.parts.Directory.Find(t.Context(), "A123456780")
	want := member.Member{
		KVNR: "A123456780", Status: member.StatusActive, Surname: "Beispiel", Given: "Anna Maria", BirthName: "Früher",
		BirthDate: "1950-03-04", HasAddress: true, Postcode: "10115", Mail: "anna@kasse.example",
		Cards: []member.Card{{LastFour: "0042", ValidFrom: time.Date(2022, 1, 1, 0, 0, 0, 0, berlin), State: member.CardActive}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = s.parts.Directory.Find(t.Context(), "B123456782")
	want = member.Member{KVNR: "B123456782", Status: member.StatusLeft, Surname: "Muster", BirthDate: "1962-11"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	s.knows("M123456785", false)
}

func TestTheFileIsNamed(t *testing.T) {
	got := csv.Factory().Files(extensiontest.Decoder("file: members.csv"))
	if diff := cmp.Diff([]string{"members.csv"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCardsAreReadOldestFirst(t *testing.T) {
	s := open(t, file("A123456780;active;B;;;;;;2222:2026-12-01:ordered, 1111:2019-04-01:active,0000:2010-01-01:blocked"))
	m, err := s.parts.Directory.Find(t.Context(), "A123456780")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range m.Cards {
		got = append(got, c.LastFour)
	}
	if diff := cmp.Diff([]string{"0000", "1111", "2222"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheStagesMembersAreRead(t *testing.T) {
	s := extensiontest.NewStage("members")
	parts := s.Open(t, csv.Factory(), "file: ../../e2e/stage/members.csv")
	if _, err := parts.Directory.Find(t.Context(), "A123456780"); err != nil {
		t.Error(err)
	}
}

func TestAcceptedForms(t *testing.T) {
	for name, content := range map[string]string{
		"windows lines":         strings.ReplaceAll(file(anna), "\n", "\r\n"),
		"byte order mark":       "\xef\xbb\xbf" + file(anna),
		"no new line at end":    strings.TrimSuffix(file(anna), "\n"),
		"quoted field":          file(`A123456780;active;"Bei;spiel ""A""";;;;;;`),
		"empty line in between": file("", anna, ""),
	} {
		t.Run(name, func(t *testing.T) { open(t, content).knows("A123456780", true) })
	}
}

func TestRefusedFiles(t *testing.T) {
	long := strings.Repeat("x", 201)
	for name, c := range map[string]struct{ content, want string }{
		"empty":            {"", "line 1: the first line must be " + csv.Header},
		"no header":        {anna + "\n", "line 1: the first line must be " + csv.Header},
		"commas":           {strings.ReplaceAll(file(anna), ";", ","), "line 1: the first line must be " + csv.Header},
		"nobody":           {file(), "line 1: nobody stands below the first line"},
		"utf-16":           {"\xff\xfeA\x00", "the file is UTF-16: save it as UTF-8"},
		"utf-16 big":       {"\xfe\xff\x00A", "the file is UTF-16: save it as UTF-8"},
		"latin-1":          {file(anna, "M123456785;active;M\xfcller;;;;;;"), "line 3: not UTF-8, perhaps Latin-1 or Windows-1252: save the file as UTF-8"},
		"few fields":       {file("A123456780;active"), "line 2: 2 fields, want 9"},
		"quote":            {file(`A123456780;active;"Bei"spiel;;;;;;`), `line 2: extraneous or missing " in quoted-field`},
		"number":           {file("A123456789;active;B;;;;;;"), "line 2: kvnr: no insurance number: check_digit"},
		"twice":            {file(anna, bernd, "a123456780;left;B;;;;;;"), "line 4: the number stands in line 2 already"},
		"status":           {file("A123456780;aktiv;B;;;;;;"), "line 2: status is none of active, not_yet, left, deceased, under_age, represented"},
		"no status":        {file("A123456780;;B;;;;;;"), "line 2: status is none of active, not_yet, left, deceased, under_age, represented"},
		"surname":          {file("A123456780;active;;;;;;;"), "line 2: surname is empty"},
		"long":             {file("A123456780;active;" + long + ";;;;;;"), "line 2: a field over 200 bytes"},
		"birth date":       {file("A123456780;active;B;;;4.3.1950;;;"), "line 2: birth_date is no date as 1950-03-04, 1950-03 or 1950"},
		"no such day":      {file("A123456780;active;B;;;1950-02-30;;;"), "line 2: birth_date is no date as 1950-03-04, 1950-03 or 1950"},
		"postcode":         {file("A123456780;active;B;;;;1011;;"), "line 2: postcode is not five digits"},
		"mail":             {file("A123456780;active;B;;;;;anna;"), "line 2: mail has no @"},
		"card form":        {file("A123456780;active;B;;;;;;0042"), "line 2: cards: a card is last4:valid_from:state"},
		"card digits":      {file("A123456780;active;B;;;;;;42:2022-01-01:active"), "line 2: cards: last4 is not four digits"},
		"card date":        {file("A123456780;active;B;;;;;;0042::active"), "line 2: cards: valid_from is no date as 2026-12-01"},
		"card state":       {file("A123456780;active;B;;;;;;0042:2022-01-01:aktiv"), "line 2: cards: state is none of active, ordered, blocked"},
		"too many cards":   {file("A123456780;active;B;;;;;;" + strings.Repeat("0042:2022-01-01:active,", 20) + "0042:2022-01-01:active"), "line 2: 21 cards, at most 20"},
		"all at once":      {file("x;;;;;;;;", "A123456780;y;;;;;;;"), "line 2: kvnr: no insurance number: form\nline 3: status is none of active, not_yet, left, deceased, under_age, represented\nline 3: surname is empty"},
		"bounded problems": {file(strings.TrimSuffix(strings.Repeat("x;;;;;;;;\n", 50), "\n")), "…\nline 21: kvnr: no insurance number: form\nand more"},
	} {
		t.Run(name, func(t *testing.T) {
			s := prepare(t, c.content)
			_, err := csv.Factory().Open(t.Context(), s.Host, extensiontest.Decoder("file: "+s.path))
			if err == nil {
				t.Fatal("no error")
			}
			if end, ok := strings.CutPrefix(c.want, "…"); ok && strings.HasSuffix(err.Error(), end) {
				return
			}
			if err.Error() != c.want {
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}
}

func TestWrongCheckDigitsCanBeAllowed(t *testing.T) {
	s := prepare(t, file("A123456789;active;B;;;;;;"))
	s.parts = s.Open(t, csv.Factory(), "file: "+s.path+"\nstrict_check_digits: false")
	s.knows("A123456789", true)
}

func TestAHugeFileIsNotRead(t *testing.T) {
	s := prepare(t, file(anna))
	if err := os.Truncate(s.path, 128<<20+1); err != nil { // of holes: it takes no space
		t.Fatal(err)
	}
	_, err := csv.Factory().Open(t.Context(), s.Host, extensiontest.Decoder("file: "+s.path))
	if err == nil || !strings.Contains(err.Error(), "at most 134217728 are read") {
		t.Errorf("%v", err)
	}
}

// A pipe says that it has no size, as a file does that is just being written.
func TestAFileThatGrowsIsNotTaken(t *testing.T) {
	s := prepare(t, file(anna))
	pipe := s.path + ".pipe"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte(file(anna)), 0o600) }()
	_, err := csv.Factory().Open(t.Context(), s.Host, extensiontest.Decoder("file: "+pipe))
	if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("%v", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		"":                  "file is missing",
		"file: x\nname: y":  "name",
		"file: no-such.csv": "no-such.csv",
	} {
		_, err := csv.Factory().Open(t.Context(), extensiontest.NewStage("members").Host, extensiontest.Decoder(config))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("config %q: %v, want %q in it", config, err, want)
		}
	}
}

func TestAChangeIsSeenAtOnce(t *testing.T) {
	s := open(t, file(anna))
	s.knows("B123456782", false)
	s.write(file(anna, bernd))
	s.knows("B123456782", true)
	s.write(file(bernd))
	s.knows("A123456780", false)
}

func TestABrokenFileKeepsTheOneBefore(t *testing.T) {
	s := open(t, file(anna))
	s.write(file("M123456785;active;Geheimname;;;;;;", "M123456785;geheim;Geheimname;;;;;;"))
	for range 3 {
		s.knows("A123456780", true)
		s.knows("M123456785", false)
	}
	if n := strings.Count(s.Log(), "new members file refused"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, s.Log())
	}
	if !strings.Contains(s.Log(), "line 3: ") || strings.Contains(strings.ToLower(s.Log()), "geheim") || strings.Contains(s.Log(), "123456785") {
		t.Errorf("the log must name the line and nothing of it:\n%s", s.Log())
	}
	s.write(file(anna, bernd))
	s.knows("B123456782", true)
}

func TestAMissingFileKeepsTheOneBefore(t *testing.T) {
	s := open(t, file(anna))
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.knows("A123456780", true)
	}
	if n := strings.Count(s.Log(), "not readable"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, s.Log())
	}
	s.write(file(bernd))
	s.knows("A123456780", false)
}

func TestRunSeesAChangeWithinTwoSeconds(t *testing.T) {
	s := open(t, file(anna))
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.parts.Run(ctx) }()
		s.write(file(anna, bernd))
		time.Sleep(2 * time.Second) // of the bubble's clock
		synctest.Wait()
		if !strings.Contains(s.Log(), "loaded anew\" count=2") {
			t.Errorf("no reload:\n%s", s.Log())
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// line writes a member as the file has one.
func line(m member.Member) string {
	statuses := map[member.Status]string{
		member.StatusActive: "active", member.StatusNotYet: "not_yet", member.StatusLeft: "left",
		member.StatusDeceased: "deceased", member.StatusUnderAge: "under_age", member.StatusRepresented: "represented",
	}
	states := map[member.CardState]string{member.CardActive: "active", member.CardOrdered: "ordered", member.CardBlocked: "blocked"}
	var cards []string
	for _, c := range m.Cards {
		cards = append(cards, c.LastFour+":"+c.ValidFrom.Format(time.DateOnly)+":"+states[c.State])
	}
	fields := []string{string(m.KVNR), statuses[m.Status], m.Surname, m.Given, m.BirthName, m.BirthDate, m.Postcode, m.Mail, strings.Join(cards, ",")}
	for i, f := range fields {
		fields[i] = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
	}
	return strings.Join(fields, ";")
}

func TestDirectory(t *testing.T) {
	membertest.Run(t, func(t *testing.T, people []member.Member) member.Directory {
		var lines []string
		for _, m := range people {
			lines = append(lines, line(m))
		}
		s := prepare(t, file(lines...))
		return s.Open(t, csv.Factory(), "file: "+s.path+"\nstrict_check_digits: false").Directory
	})
}

func TestNamesakesComeFromTheFileInForce(t *testing.T) {
	s := open(t, file(anna))
	s.write(file(anna, "B123456782;active;Früher;Berta;;1950-03-04;;;"))
	got, err := member.Namesakes(t.Context(), s.parts.Directory, "A123456780")
	if err != nil || len(got) != 1 || got[0].Given != "Berta" {
		t.Errorf("%d, %v", len(got), err)
	}
}

func TestExtension(t *testing.T) {
	path := filepath.Join(t.TempDir(), "members.csv")
	if err := os.WriteFile(path, []byte(file(anna)), 0o600); err != nil {
		t.Fatal(err)
	}
	extensiontest.Run(t, csv.Factory, extensiontest.Case{Name: "a file", Config: "file: " + path})
}

func TestCheckReadsTheFileAsTheStartDoes(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nobody in it": {csv.Header + "\n", "nobody stands below the first line"},
		"somebody":     {csv.Header + "\nA123456780;active;Muster;Anna;;1970-01-01;;;\n", ""},
	} {
		file := filepath.Join(t.TempDir(), "members.csv")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := csv.Factory().Read(func(into any) error {
			into.(*csv.Config).File = file
			return nil
		})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
