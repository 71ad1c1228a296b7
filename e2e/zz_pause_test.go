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

func TestAnOldCodeIsGoodWhileTheGateObserves(t *testing.T) {
	if aged.code == "" {
		TestObservingACodeThatGrowsOld(t)
	}
	if rest := ageOfCodes + time.Second - time.Since(aged.since); rest > 0 {
		t.Logf("waiting %s until the code is old", rest.Round(time.Second))
		time.Sleep(rest)
	}
	o := observed(t)
	before := o.counted(t, "code")
	tokens, err := aged.app.Redeem(t.Context(), aged.code, aged.verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Errorf("no tokens: %v %+v", err, tokens)
	}
	if o.counted(t, "code") == before {
		t.Error("what the code rule would have done was not counted")
	}
	if err := theatre.Keycloak.Admin.DeleteUser(t.Context(), aged.person.Number); err != nil {
		t.Error(err)
	}
}
