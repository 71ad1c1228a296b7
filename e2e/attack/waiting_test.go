package attack_test

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/visitor"
)

// What the owner and the thief choose as their passwords.
const (
	ownersPassword = "Der-Eigentuemerin-Wort-1"
	thiefsPassword = "Dieb-war-hier-99"
)

func choosing(password string) url.Values {
	return url.Values{"password-new": {password}, "password-confirm": {password}}
}

// lurking is somebody with a posted password at the action that Keycloak
// demands.
type lurking struct {
	*scene
	form  visitor.Form
	login string // where the form of the login page went
}

// lurks comes there, by the entry for staff or by this user name where one is given.
func (s *scene) lurks(staff bool, username string) *lurking {
	s.Helper()
	return s.lurksWith(staff, url.Values{"username": {cmp.Or(username, s.person.Number)}, "password": {s.person.Password}})
}

// lurksWith comes there by this answer to the login page.
func (s *scene) lurksWith(staff bool, answer url.Values) *lurking {
	s.Helper()
	target, _ := s.begin(nil)
	if staff {
		target += "&schleuse_staff=1"
	}
	page := s.get(target)
	if form, err := page.Form("number"); err == nil {
		page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
	}
	form := s.form(page, "password")
	form.Fields.Del("userHandle")
	page = s.submit(form, answer)
	return &lurking{s, s.demanded(page), form.Action}
}

// demanded is the form of the action that is demanded first.
func (s *scene) demanded(page *visitor.Page) visitor.Form {
	s.Helper()
	if form, err := page.Form("email"); err == nil {
		return form
	}
	return s.form(page, "password-new")
}

func (l *lurking) dropNumber() {
	for _, cookie := range l.v.CookieNames(realm() + "/") {
		if strings.HasSuffix(cookie, "number") {
			l.v.DropCookies(cookie)
		}
	}
}

// tab is the address of Keycloak's login page for the tab in which they wait.
func (l *lurking) tab() string {
	l.Helper()
	u, err := url.Parse(l.form.Action)
	if err != nil {
		l.Fatal(err)
	}
	q := u.Query()
	for name := range q {
		if name != "client_id" && name != "tab_id" && name != "client_data" {
			q.Del(name)
		}
	}
	return realm() + "/login-actions/authenticate?" + q.Encode()
}

// names sends the login page's form once more, with another user name, in the
// one spelling that Keycloak answers as it does a right password: for the step
// that the tab is at, with a session code that is used up.
func (l *lurking) names(number string) {
	l.Helper()
	u, err := url.Parse(l.login)
	if err != nil {
		l.Fatal(err)
	}
	q := u.Query()
	q.Set("execution", l.execution())
	u.RawQuery = q.Encode()
	page, err := l.v.Post(l.Context(), u.String(), url.Values{"username": {number}, "password": {"x"}})
	if err != nil {
		l.Fatal(err)
	}
	if page.Status != http.StatusFound {
		l.Fatalf("Keycloak does not lead back: %d %s", page.Status, page.Text())
	}
	next, err := page.URL.Parse(page.Header.Get("Location"))
	if err != nil {
		l.Fatal(err)
	}
	l.form = l.again(l.get(next.String()))
}

func (l *lurking) execution() string {
	l.Helper()
	u, err := url.Parse(l.form.Action)
	if err != nil {
		l.Fatal(err)
	}
	return u.Query().Get("execution")
}

// rename names somebody else in the tab.
func (l *lurking) rename() { l.names(number(people - 1)) }

// renumber types another number for the tab.
func (l *lurking) renumber() {
	l.Helper()
	l.dropNumber()
	page := l.submit(visitor.Form{Action: l.tab(), Method: http.MethodPost, Fields: url.Values{"x": {"y"}}}, nil)
	if form, err := page.Form("number"); err == nil {
		page = l.wish(l.submit(form, url.Values{"number": {number(people - 1)}}))
	}
	l.form = l.again(page)
}

// again is the form of the action again, if the page has it.
func (l *lurking) again(page *visitor.Page) visitor.Form {
	for _, field := range []string{"password-new", "email"} {
		if form, err := page.Form(field); err == nil {
			return form
		}
	}
	return l.form
}

// owner gets a password of their own by mail, signs in with it, and shows the card.
func (s *scene) owner() {
	s.Helper()
	s.admin(http.MethodPut, "users/"+s.person.ID+"/reset-password", map[string]any{"type": "password", "value": ownersPassword, "temporary": false}, nil)
	owner := s.elsewhere(ownersPassword)
	to, _ := owner.begin(nil)
	if page := owner.review(owner.digits(owner.login(to))); page.Query("code") == "" {
		s.Fatalf("the owner does not get in: %s", page.Text())
	}
}

// elsewhere is another browser of the same person's, at a client with numbers.
func (s *scene) elsewhere(password string) *scene {
	other := *s
	other.at(here.doors.Gate(), "attack-web")
	other.person.Password = password
	return &other
}

// isTheOwners demands that the account is signed in to with the owner's
// password and not with the thief's. A wrong password comes last: for a moment
// after one Keycloak refuses the right one too, until it has counted.
func (s *scene) isTheOwners() {
	s.Helper()
	if page := s.signsIn(ownersPassword); page.Query("code") == "" {
		s.Errorf("the owner is shut out: %s", page.Text())
	}
	if page := s.signsIn(thiefsPassword); page.Query("code") != "" {
		s.Error("the password is the thief's")
	}
}

// signsIn goes all the way with this password, in another browser.
func (s *scene) signsIn(password string) *visitor.Page {
	s.Helper()
	again := s.elsewhere(password)
	to, _ := again.begin(nil)
	return again.login(to)
}

// lurker is how a thief comes to the action that Keycloak demands, and what
// becomes of their cookies and names before and after they are overtaken.
type lurker struct {
	client        string
	staff, mail   bool
	before, after func(*lurking)
}

func lurkers() map[string]lurker {
	return map[string]lurker{
		"as it is":                     {client: "attack-web"},
		"without the number's cookie":  {client: "attack-web", after: (*lurking).dropNumber},
		"under another number":         {client: "attack-web", after: (*lurking).renumber},
		"by the entry for staff":       {client: "attack-web", staff: true},
		"through a plain client":       {client: "attack-plain"},
		"there, without the cookie":    {client: "attack-plain", after: (*lurking).dropNumber},
		"there, renamed while waiting": {client: "attack-plain", before: (*lurking).rename},
		"there, by the mail address":   {client: "attack-plain", mail: true},
	}
}

// TestAThiefWhoWaitsInKeycloakIsOvertaken: somebody with a posted password
// waits at the action that Keycloak demands. Meanwhile the owner gets a
// password of their own and shows the card. What the thief then sends changes
// nothing and opens nothing, whatever becomes of their cookies and names.
func TestAThiefWhoWaitsInKeycloakIsOvertaken(t *testing.T) {
	for name, how := range lurkers() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, how.client)
			s.overtakes(how, s.owner)
		})
	}
}

// overtakes lets the thief wait, the owner act, and the thief go on.
func (s *scene) overtakes(how lurker, owner func()) {
	s.Helper()
	requires("UPDATE_PASSWORD")(s)
	username := ""
	if how.mail {
		username = s.byMail()
	}
	thief := s.lurks(how.staff, username)
	if how.before != nil {
		how.before(thief)
	}
	owner()
	if how.after != nil {
		how.after(thief)
	}
	page := thief.submit(thief.form, choosing(thiefsPassword))
	if page.Query("code") != "" {
		s.Error("the thief got a code")
	}
	if leaks := s.recorder.leaks(); len(leaks) > 0 {
		s.Errorf("the thief got %v", leaks)
	}
	if s.isTheOwners(); s.Failed() {
		s.Logf("the thief stands at %q%s", page.Title(), s.recorder.trail())
	}
}

// byMail gives the account a mail address, by which people sign in until the
// test ends.
func (s *scene) byMail() string {
	s.Helper()
	mail := strings.ToLower(s.person.Number) + "@kasse.example"
	s.admin(http.MethodPut, "users/"+s.person.ID, map[string]any{"email": mail, "firstName": "A", "lastName": "B"}, nil)
	// Keycloak allows only one of the two; what is written last counts.
	allow := func(ctx context.Context, login, duplicate any) (wasLogin, wasDuplicate any) {
		if err := here.admin.EditRealm(ctx, func(realm map[string]any) {
			wasLogin, wasDuplicate = realm["loginWithEmailAllowed"], realm["duplicateEmailsAllowed"]
			realm["loginWithEmailAllowed"], realm["duplicateEmailsAllowed"] = login, duplicate
		}); err != nil {
			s.Error(err)
		}
		return wasLogin, wasDuplicate
	}
	login, duplicate := allow(s.Context(), true, false)
	ctx := context.WithoutCancel(s.Context())
	s.Cleanup(func() { allow(ctx, login, duplicate) })
	return mail
}

// TestWhoIsDemandedAPasswordChoosesIt: the same ways are gone by honest people,
// in one go, and end where the gate leads them.
func TestWhoIsDemandedAPasswordChoosesIt(t *testing.T) {
	for name, c := range map[string]struct {
		client      string
		staff, mail bool
		role        []string
	}{
		"by number": {client: "attack-web"}, "plain": {client: "attack-plain"}, "plain, by mail": {client: "attack-plain", mail: true},
		"staff": {client: "attack-plain", role: []string{"mitarbeiter"}}, "staff, by their entry": {client: "attack-web", staff: true, role: []string{"mitarbeiter"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.client, c.role...)
			requires("UPDATE_PASSWORD")(s)
			username := ""
			if c.mail {
				username = s.byMail()
			}
			l := s.lurks(c.staff, username)
			l.form = s.form(s.get(strings.Replace(l.form.Action, "session_code", "old_code", 1)), "password-new") // loaded again
			page := l.submit(l.form, choosing(ownersPassword))
			if c.role == nil {
				page = s.digits(page)
			}
			if page.Query("code") == "" {
				t.Errorf("no code: %s", page.Text())
			}
		})
	}
}

// TestWhoShowsASecondMeansFirstIsKnownToo: the one-time password names nobody,
// the password before it did. So it is no matter that others get their accounts
// meanwhile.
func TestWhoShowsASecondMeansFirstIsKnownToo(t *testing.T) {
	s := newScene(t, "attack-plain", "mitarbeiter")
	withOTP(s)
	requires("UPDATE_PASSWORD")(s)
	page, _ := byOTP(s)
	form := s.form(page, "password-new")
	newScene(t, "attack-web").owner()
	if page := s.submit(form, choosing(ownersPassword)); page.Query("code") == "" {
		t.Errorf("no code: %s", page.Text())
	}
}

// TestAPasskeyUnderAnotherNumberWaits: a thief has planted a passkey, types a
// number of their own, and waits as the account of the passkey.
func TestAPasskeyUnderAnotherNumberWaits(t *testing.T) {
	passkeys := func(on bool) {
		if err := here.admin.EditRealm(t.Context(), func(realm map[string]any) { realm["webAuthnPolicyPasswordlessPasskeysEnabled"] = on }); err != nil {
			t.Fatal(err)
		}
	}
	passkeys(true)
	defer passkeys(false)
	s := newScene(t, "attack-web")
	key := withPasskey(s)
	requires("UPDATE_PASSWORD")(s)
	target, _ := s.begin(nil)
	page := s.get(target)
	page = s.wish(s.submit(s.form(page, "number"), url.Values{"number": {number(people - 1)}}))
	page = s.submit(s.form(page, "clientDataJSON"), key.answer(s, page))
	waiting := s.form(page, "password-new")
	s.owner()
	s.submit(waiting, choosing(thiefsPassword))
	s.isTheOwners()
}

// TestOfTwoWithAPostedPasswordOneChooses: the owner chooses theirs and is asked
// for the card. The thief, who waits with the same posted password, comes too
// late then.
func TestOfTwoWithAPostedPasswordOneChooses(t *testing.T) {
	s := newScene(t, "attack-web")
	requires("UPDATE_PASSWORD")(s)
	thief := s.lurks(false, "")
	owner := s.elsewhere(s.person.Password)
	card := owner.submit(owner.lurks(false, "").form, choosing(ownersPassword))
	thief.submit(thief.form, choosing(thiefsPassword))
	if page := owner.digits(card); page.Query("code") == "" {
		t.Fatalf("the owner does not get in: %s", page.Text())
	}
	s.isTheOwners()
}

// TestALinkThatWaitsIsOvertaken: the thief signs in at a foreign issuer, shows
// the password by which it is linked, and waits before the last address until
// the owner has shown the card.
func TestALinkThatWaitsIsOvertaken(t *testing.T) {
	for name, drop := range map[string]bool{"as it is": false, "without the number's cookie": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web")
			next := s.linksUpTo()
			s.owner()
			if drop {
				(&lurking{scene: s}).dropNumber()
			}
			s.get(next)
			if means := s.enrolled(); len(means) != 0 {
				t.Errorf("the account has %v", means)
			}
		})
	}
}

// linksUpTo goes to the address that links the foreign account.
func (s *scene) linksUpTo() string {
	s.Helper()
	name := strings.ToLower(s.person.Number)
	target, _ := s.begin(url.Values{"kc_idp_hint": {"fremd"}})
	page := s.get(target)
	if form, err := page.Form("number"); err == nil {
		page = s.wish(s.submit(form, url.Values{"number": {s.person.Number}}))
	}
	page = s.submit(s.form(page, "name"), url.Values{"name": {name}})
	if form, err := page.Form("email"); err == nil {
		page = s.submit(form, url.Values{"email": {name + "@kasse.example"}})
	}
	page = s.submit(page.Forms()[0], url.Values{"submitAction": {"linkAccount"}})
	form := s.form(page, "password")
	form.Fields.Set("username", s.person.Number)
	form.Fields.Set("password", s.person.Password)
	page, err := s.v.Post(s.Context(), form.Action, form.Fields)
	if err != nil {
		s.Fatal(err)
	}
	next, err := page.URL.Parse(page.Header.Get("Location"))
	if err != nil || page.Status != http.StatusFound {
		s.Fatalf("no redirect: %d %s", page.Status, page.Text())
	}
	return next.String()
}
