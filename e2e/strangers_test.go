package e2e_test

import (
	"net/url"
	"testing"

	"github.com/schleuse/schleuse/e2e/browser"
)

// Two people who are at Nect at the same time come back with each other's case
// ids, whatever way they got hold of them. Nobody goes on with the other's.
func TestTwoPeopleWithEachOthersCases(t *testing.T) {
	a := openAnnexe(t)
	begins := func() (p *applicant, attempt string) {
		p = a.applies(t, a.newcomer(t), "register")
		p.at(askNect)
		p.answers("wish", "start")
		p.at(askJump)
		return p, p.page.URL.String()
	}
	first, firsts := begins()
	firstCase := a.newestCase()
	second, seconds := begins()
	secondCase := a.newestCase()
	a.shown(t, firstCase, first.person)
	a.shown(t, secondCase, second.person)

	// The id alone is changed: each comes back to their own address.
	for _, swap := range []struct {
		who    *applicant
		at, id string
	}{{first, firstCase.RedirectURL, secondCase.ID}, {second, secondCase.RedirectURL, firstCase.ID}} {
		swap.who.opens(swap.at + "?" + url.Values{"nectCaseId": {swap.id}}.Encode())
		if title := swap.who.page.Title(); title == askNew || title == askHandover {
			t.Errorf("with the other's case id somebody stands at %q", title)
		}
	}
	// The whole address is the other's: it leads on where it was begun alone.
	thief, strange := begins()
	third := a.newestCase()
	a.shown(t, third, thief.person)
	first.opens(third.RedirectURL + "?nectCaseId=" + third.ID)
	if title := first.page.Title(); title == askNew {
		t.Error("somebody goes on in another's attempt")
	}
	for _, one := range []struct {
		who *applicant
		at  string
	}{{first, seconds}, {second, firsts}, {first, strange}} {
		one.who.opens(one.at)
		if one.who.page.Title() == askNew || one.who.page.Status < 400 {
			t.Errorf("another's attempt opens: %d %q", one.who.page.Status, one.who.page.Title())
		}
	}
	for _, p := range []*applicant{first, second, thief} {
		if hasAccount(t, p.person) {
			t.Error("an account was made")
		}
	}
}

// Somebody in the household takes the letter from the box and uses it first:
// they have an account in the owner's name then, which no code by post can
// prevent. The owner hears of it by mail and by a second letter, finds their
// code used, and gets the account by showing their document: the other is out,
// and what they knew is worth nothing.
func TestAHouseholdMemberWhoUsesTheLetterFirst(t *testing.T) {
	a := openAnnexe(t)
	a.hearsLogOuts(t)
	owner := a.newcomer(t)
	g := a.guest(t, browser.Profile{})
	g.toTheLetter(owner, register)
	g.must(g.Press("Brief bestellen"))
	g.asked(sayOrdered)
	letter := a.letter(t, owner, "letter.code")

	const theirs = "Aus-dem-Briefkasten-1"
	other := a.guest(t, browser.Profile{})
	other.toTheLetter(owner, register)
	other.must(other.Type("code", letter.Data.Code))
	other.must(other.Press("Weiter"))
	other.asked(askNew)
	other.chooses(theirs, "Konto anlegen")
	other.signsInFirst(owner, theirs)
	a.told(t, owner, "account_created")

	g.must(g.Press("Ich habe schon einen Brief"))
	g.must(g.Type("code", letter.Data.Code))
	g.must(g.Press("Weiter"))
	g.must(g.See("schon benutzt"))
	g.must(g.See("0800 000 0000"))
	g.looksGood("letter-used")

	back := a.guest(t, browser.Profile{})
	back.toNect(owner, recoverWords)
	back.must(back.Press("Zu Nect"))
	back.showsOwn(owner, "succeeded")
	back.asked(askNewAgain)
	back.chooses(chosenPassword, "Neues Passwort speichern")
	back.signsInFirst(owner, chosenPassword)
	if n := sessions(t, owner); n != 1 {
		t.Errorf("%d sessions live at Keycloak, want the owner's alone", n)
	}
	other.visit("/postfach/")
	other.number(owner.Number)
	other.wantsToSignIn()
	other.password(theirs)
	other.must(other.See("Nummer und Passwort passen nicht zusammen"))
}
