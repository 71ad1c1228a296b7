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

// slow looks for their card while the other tests run: the first test leaves
// them at the card page, the last one (zz_pause_test.go) lets them answer.
var slow struct {
	tab    *browser.Tab
	person stage.Person
	since  time.Time
}

func TestSomebodyBeginsToLookForTheirCard(t *testing.T) {
	openHouse(t)
	b, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	tab, err := b.Open(browser.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	slow.person = lastingCustomer(t)
	guest{tab, t}.toTheCard(slow.person)
	slow.tab, slow.since = tab, time.Now()
}
