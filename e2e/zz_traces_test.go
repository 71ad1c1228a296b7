package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

// secrets are what must stand in no log, metric and address: numbers in every
// spelling that appears, passwords, names, and the digits of cards where they
// stand alone, so not inside an id.
type secrets struct {
	words  []string
	digits []*regexp.Regexp
}

func secretsOf(people []stage.Person) secrets {
	var s secrets
	for _, person := range people {
		s.words = append(s.words, strings.ToLower(person.Number), strings.ToLower(person.Name))
		if person.Password != "" {
			s.words = append(s.words, strings.ToLower(person.Password))
		}
		if len(person.Number) == 10 {
			s.words = append(s.words, strings.ToLower(person.Number[:4]+" "+person.Number[4:7]+" "+person.Number[7:]))
		}
		if person.Digits != "" {
			s.digits = append(s.digits, regexp.MustCompile(`(^|[^\w.-])`+person.Digits+`($|[^\w-])`))
		}
	}
	return s
}

// in returns what of it stands in the text.
func (s secrets) in(text string) string {
	lower := strings.ToLower(text)
	for _, word := range s.words {
		if strings.Contains(lower, word) {
			return word
		}
	}
	return ""
}

func (s secrets) orDigitsIn(text string) string {
	if found := s.in(text); found != "" {
		return found
	}
	for _, digits := range s.digits {
		if digits.MatchString(text) {
			return digits.String()
		}
	}
	return ""
}

func TestNothingPersonalStandsInLogsMetricsAndAddresses(t *testing.T) {
	schleuse := openHouse(t)
	people := append(stage.People(), madePeople()...)
	s := secretsOf(people)
	t.Run("log", func(t *testing.T) {
		lines := 0
		for _, text := range logTexts(t) {
			lines++
			if found := s.orDigitsIn(text); found != "" {
				t.Errorf("%q stands in %s", found, text)
			}
		}
		if lines == 0 {
			t.Error("the log is empty")
		}
	})
	t.Run("metrics", func(t *testing.T) {
		body := fetch(t, schleuse.Internal+"/metrics")
		if found := s.in(body); found != "" {
			t.Errorf("%q stands in the metrics", found)
		}
		for _, value := range labels(body) {
			if found := s.orDigitsIn(value); found != "" {
				t.Errorf("%q stands in the metrics' label %q", found, value)
			}
		}
		if !strings.Contains(body, "schleuse_") {
			t.Error("no metric of ours is there")
		}
	})
	t.Run("addresses", func(t *testing.T) {
		b, err := chromium()
		if err != nil {
			t.Fatal(err)
		}
		noted, err := os.ReadFile(filepath.Join(theatre.Logs, play.AddressesFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range append(b.Addresses(), strings.Split(hint.ReplaceAllString(string(noted), "$1"), "\n")...) {
			for _, text := range unfold(address) {
				if found := s.in(text); found != "" {
					t.Errorf("%q stands in the address %s", found, address)
				}
			}
		}
	})
}

// hint is how the gate tells Keycloak the number, behind itself: the one place
// where it stands in an address. Keycloak's access log is off by default.
var hint = regexp.MustCompile(`([?&])login_hint=[^&\s]*`)

// logTexts returns what the log's lines say, without their time: of every
// Schleuse of the run, and of Keycloak where it is ours.
func logTexts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(theatre.Logs, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if filepath.Base(file) == "keycloak.log" {
				texts = append(texts, clock.ReplaceAllString(line, ""))
			} else {
				texts = append(texts, logText(t, line))
			}
		}
	}
	return texts
}

// clock is the time at the beginning of a line of Keycloak's.
var clock = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ `)

// logText is a line of Schleuse's without its time.
func logText(t *testing.T, line string) string {
	t.Helper()
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		if strings.HasSuffix(line, "\n") { // else cut off by a kill
			t.Errorf("a line of the log is no JSON: %s", line)
		}
		return line
	}
	delete(entry, "time")
	text, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// labels returns the values of the metrics' labels, but for those that are
// bounds of buckets. What is counted may be any number.
func labels(metrics string) []string {
	var values []string
	for _, m := range label.FindAllStringSubmatch(metrics, -1) {
		if m[1] != "le" && m[1] != "quantile" {
			values = append(values, m[2])
		}
	}
	return values
}

var label = regexp.MustCompile(`([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"`)

// unfold returns an address, and what its parameters hold when they are
// decoded: percent-encoding, and base64 as tokens and Keycloak's client_data use it.
func unfold(address string) []string {
	texts := []string{address}
	decoded, err := url.QueryUnescape(address)
	if err == nil {
		texts = append(texts, decoded)
	}
	parts := strings.FieldsFunc(decoded, func(r rune) bool { return strings.ContainsRune("?&=#./", r) })
	for _, part := range parts {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "=")); err == nil {
			texts = append(texts, string(raw))
		}
	}
	return texts
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestWhatIsPersonalWouldBeFound(t *testing.T) {
	s := secretsOf([]stage.Person{{Name: "Ida Muster", Number: "A123456780", Password: "streng-geheim", Digits: "0042"}})
	for _, text := range []string{
		"GET /a123456780", "A123 456 780", "streng-geheim", "ida muster", `"typed":"0042"`,
	} {
		if s.orDigitsIn(text) == "" {
			t.Errorf("nothing is found in %q", text)
		}
	}
	for _, text := range []string{"127.0.0.1:50042", "80042", "nothing", "5e1c-0042-9f", "a0042b"} {
		if found := s.orDigitsIn(text); found != "" {
			t.Errorf("%q is found in %q", found, text)
		}
	}
	metrics := `schleuse_x_total{step="egk",typed="0042"} 1` + "\n" + `schleuse_x_bucket{le="0042"} 0042`
	if got := labels(metrics); !slices.Equal(got, []string{"egk", "0042"}) {
		t.Errorf("labels %q", got)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"preferred_username":"a123456780"}`))
	found := ""
	for _, text := range unfold("http://login.localhost/logout?id_token_hint=x." + token + ".y") {
		found += s.in(text)
	}
	if found == "" {
		t.Error("a number inside a token in an address is not found")
	}
}
