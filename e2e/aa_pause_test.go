package e2e_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/stage"
)

// pauseAtTheCard is how long somebody looks for their card: a real pause, one
// in the whole run. All other ages are set by the clock.
const pauseAtTheCard = 10 * time.Minute

// lingering is somebody who leaves a page open while the other tests run.
type lingering struct {
	tab    *browser.Tab
	person stage.Person
	until  string // what their page said of its end
}

// slow are those who linger: the first test leaves them at their pages, the
// last one (zz_pause_test.go) lets them go on.
var slow struct {
	answers, asks, atNect lingering
	since                 time.Time
}

func TestSomebodyBeginsToLookForTheirCard(t *testing.T) {
	openHouse(t)
	b, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	slow.answers.begins(t, b, lastingCustomer(t)).toTheCard(slow.answers.person)
	g := slow.asks.begins(t, b, lastingCustomer(t))
	g.toTheCard(slow.asks.person)
	slow.asks.until = g.until()

	a := openAnnexe(t)
	person := nextPerson()
	a.onFile(t, person)
	g = slow.atNect.begins(t, a.chromium, person)
	g.toNect(person, register)
	slow.atNect.until = g.until()
	slow.since = time.Now()
}

// begins gives the person a tab that outlives this test.
func (l *lingering) begins(t *testing.T, b *browser.Browser, person stage.Person) guest {
	t.Helper()
	tab, err := b.Open(browser.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	l.tab, l.person = tab, person
	return guest{tab, t}
}

// until is the time at which the page says that it ends.
func (g guest) until() string {
	g.t.Helper()
	g.asked("Uhr Zeit")
	text, err := g.Text()
	g.must(err)
	found := clockTime.FindString(text)
	if found == "" {
		g.t.Fatalf("no end stands on the page: %s", text)
	}
	return found
}
