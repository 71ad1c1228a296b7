// Package gate is the transparent reverse proxy in front of one Keycloak
// realm. It owns the rules by which no login leaves Keycloak for a person who
// is not cleared, the pages that stand before and after Keycloak's own, and
// what is held meanwhile. It must not know which steps exist, nor what a
// particular step asks; what is on the wire (canonical paths, cookies,
// parameters) is told apart in package wire.
//
// # Where the rules stand
//
//	decision.go        the table: clearance × moment → verdict
//	clearance.go       who is cleared; what is remembered for seconds
//	exchange.go        surface: one canonical form, an allow-list
//	identity.go        request: the cookie of an uncleared person stays here;
//	                   a forged one tells nothing
//	response.go        response: a live identity cookie is a login; the belt
//	person.go          person: who signed in is whose number was typed
//	number.go          the steps before Keycloak, at the request's own address
//	draft.go, anew.go  what is not stored yet; who begins anew goes on
//	authorize.go       the auth endpoint; tabs; dead sessions
//	authenticate.go    Keycloak's own form; the broker's return; restart
//	changed.go         when an account has become its owner's
//	shown.go           whose a tab can be that waits in Keycloak
//	waiting.go         who waits in it, since when, and who has come before
//	acting.go          who waits there does not act once they were overtaken
//	deed.go            what follows from a demanded action follows, also after a crash
//	undo.go            what was on its way meanwhile is taken back
//	given.go           the role and the note before an account is given back
//	action.go          no side effect (kc_action) before clearance
//	push.go            pushed requests (RFC 9126), of which nothing is stored
//	hold.go, held.go   what is kept from the browser, and how
//	attempts.go        the pages of an attempt, whose it is, what is next
//	enrol.go           enrolment: what a session proves before a phone
//	stepup.go          step-up: the second factor of a session
//	release.go         grant, and what leaves: once, alive, cleared
//	evidence.go        what is written down beside the role
//	authenticators.go  the review of means of signing in
//	token.go           token: grants, codes, and whose the tokens are
//	ending.go          ending sessions, between two entries of the audit
//	sweep.go           records of sessions against Keycloak
//	limit.go, turns.go bounds by address and by person; one try for one form
//
// A request goes through admit, identify and its route's rule to Keycloak;
// every answer comes back through respond. An answer of the gate's own takes
// Keycloak's place as an error of type instead, so that no rule can write
// after another has.
//
// # What holds of a recovery, and when
//
// With the new password every session has ended. With the review every means
// of signing in that its owner does not know is gone; then all sessions end
// once more, before the role is given. It is taken from the account before the
// password is set: whoever leaves in between, at the page of the review, has the
// new password and an account that opens with nothing, whatever a thief has
// planted in it. For a day the same browser finds the review again at the address
// of its attempt; otherwise the next login asks for an identification, and for
// the review.
//
// # What holds of who waits in Keycloak
//
// Who has shown a secret, and waits at a page of Keycloak's while the account
// becomes its owner's (identified, recovered, taken back from a phone, or with a
// password that somebody else chose first), changes nothing in it afterwards
// and gets no cookie, code or token. It is judged by when the gate saw Keycloak
// open the tab, and by a list of all whose it can be (shown.go); at its end by
// the account that the answer signs in. A tab of which the gate has lost its
// half, or that can be several people's, changes nothing: it begins anew. Nobody
// marks or voids an account but with a secret of that account.
//
// What is not so: in a tab in which a foreign issuer alone has spoken it is not
// known whose it is. It changes nothing once anybody's account has become
// somebody's; but what is on its way to Keycloak in that very moment is taken
// back only if the answer signs in. What a clerk changes at Keycloak itself, the
// gate does not hear of. And who has shown a secret of an account can keep its
// owner from an action that Keycloak demands, by theirs, until the owner has
// proved who they are.
//
// # What it takes for granted
//
// Keycloak binds a tab to an account by no other means than those of which
// shown.go knows: not by a certificate of the browser's, not by Kerberos.
// Keycloak's built-in client `account` is enabled: whether an identity cookie
// is genuine is seen by its renewal there. The realm remembers no user names,
// its codes live as long as Settings.CodeLifetime, and nobody reaches Keycloak
// but through the gate.
package gate
