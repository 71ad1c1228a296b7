package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// While the gate only observes, everything goes on as without it: nobody is
// asked for a number or a card, the site lets people in, and what would have
// been refused is counted.
func TestObservingHoldsNobody(t *testing.T) {
	openHouse(t)
	person := newCustomer(t)
	m := newMortal(t)
	m.Stop()
	m.spec.Mode = "observe"
	m.rise()
	v := m.visitor()
	page := m.open(v, theatre.Ports.SiteURL()+"/postfach/")
	page = signIn(t, v, page, person)
	if page.Title() != sayInbox {
		t.Errorf("not in the WebCenter but at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	if identified(t, person) {
		t.Error("observing identified somebody")
	}
	for _, rule := range []string{"response", "token"} {
		if !strings.Contains(metrics(t, m.Internal), `schleuse_gate_observed_total{rule="`+rule+`"}`) {
			t.Errorf("what the %s rule would have done was not counted", rule)
		}
	}
}

func metrics(t *testing.T, internal string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, internal+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
