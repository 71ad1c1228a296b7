package e2e_test

import (
	"testing"
	"time"
)

// afterThePause waits until those who linger have lingered long enough, and is
// one of them then.
func afterThePause(t *testing.T, l *lingering) guest {
	t.Helper()
	if slow.answers.tab == nil {
		TestSomebodyBeginsToLookForTheirCard(t)
	}
	if rest := pauseAtTheCard - time.Since(slow.since); rest > 0 {
		t.Logf("waiting %s, for a pause of ten minutes in all", rest.Round(time.Second))
		time.Sleep(rest)
	}
	t.Cleanup(l.tab.Close)
	return guest{l.tab, t}
}

func (l *lingering) leaves(t *testing.T) {
	t.Helper()
	if !identified(t, l.person) {
		t.Error("the person is not identified")
	}
	if err := theatre.Keycloak.Admin.DeleteUser(t.Context(), l.person.Number); err != nil {
		t.Error(err)
	}
}

func TestAfterTenMinutesTheCardIsStillAsked(t *testing.T) {
	g := afterThePause(t, &slow.answers)
	g.digits(slow.answers.person.Digits)
	g.inside()
	slow.answers.leaves(t)
}

// Whoever asks for more time has it, keeps what they have typed, and goes on.
func TestAfterTenMinutesThereIsMoreTimeForTheCard(t *testing.T) {
	g := afterThePause(t, &slow.asks)
	g.must(g.Type("digits", slow.asks.person.Digits[:2]))
	g.hasMoreTime(slow.asks.until)
	g.asked(askDigits)
	if typed, err := g.Value("digits"); err != nil || typed != slow.asks.person.Digits[:2] {
		t.Errorf("what was typed is %d characters long, %v", len(typed), err)
	}
	g.looksGood("card-more-time")
	g.digits(slow.asks.person.Digits)
	g.inside()
	slow.asks.leaves(t)
}

// The same before anybody has signed in: on the way to Nect.
func TestAfterTenMinutesThereIsMoreTimeForNect(t *testing.T) {
	g := afterThePause(t, &slow.atNect)
	g.hasMoreTime(slow.atNect.until)
	g.asked(askJump)
	g.must(g.Press("Zu Nect"))
	g.showsOwn(slow.atNect.person, "succeeded")
	g.asked(askNew)
	g.chooses(chosenPassword, "Konto anlegen")
	g.signsInFirst(slow.atNect.person, chosenPassword)
	slow.atNect.leaves(t)
}

// hasMoreTime asks for more time than until this hour.
func (g guest) hasMoreTime(until string) {
	g.t.Helper()
	g.must(g.Press("Mehr Zeit"))
	before, err := time.Parse("15:04", until)
	g.must(err)
	after, err := time.Parse("15:04", g.until())
	g.must(err)
	if gained := (after.Sub(before) + 24*time.Hour) % (24 * time.Hour); gained < pauseAtTheCard-time.Minute || gained > 2*time.Hour {
		g.t.Errorf("the page gained %v", gained)
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
