package e2e_test

import (
	"testing"
	"time"
)

func TestAfterTenMinutesTheCardIsStillAsked(t *testing.T) {
	if slow.tab == nil {
		TestSomebodyBeginsToLookForTheirCard(t)
	}
	defer slow.tab.Close()
	if rest := pauseAtTheCard - time.Since(slow.since); rest > 0 {
		t.Logf("waiting %s, for a pause of ten minutes in all", rest.Round(time.Second))
		time.Sleep(rest)
	}
	g := guest{slow.tab, t}
	g.digits(slow.person.Digits)
	g.inside()
	if !identified(t, slow.person) {
		t.Error("the person is not identified")
	}
	if err := theatre.Keycloak.Admin.DeleteUser(t.Context(), slow.person.Number); err != nil {
		t.Error(err)
	}
}
