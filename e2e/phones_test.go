package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
	"github.com/schleuse/schleuse/sidecar/client"
)

const (
	devicePassword = "Mein-Geraete-Wort-7"
	devicePIN      = "246810"

	askOldPhone = "Haben Sie Ihr bisheriges Smartphone zur Hand?"
	sayConfirm  = "Bitte bestätigen Sie in der Kunden-App"
)

// appUser is a person at the Kunden-App: the app's browser, and no screen.
type appUser struct {
	*annexe
	t       *testing.T
	person  stage.Person
	browser *visitor.Visitor
	app     visitor.App
	code    string        // of the letter for the phone
	old     *device.Phone // one that vouches for the next; nil: the letter does
}

// identifiedCustomer is one with an account who was identified before.
func (a *annexe) identifiedCustomer(t *testing.T) *appUser {
	t.Helper()
	person := a.customer(t)
	if err := theatre.Keycloak.Admin.Grant(t.Context(), person.Number, "identified"); err != nil {
		t.Fatal(err)
	}
	return a.appUser(t, person)
}

func (a *annexe) appUser(t *testing.T, person stage.Person) *appUser {
	v := a.visitor()
	t.Cleanup(v.Leave)
	return &appUser{a, t, person, v, visitor.App{
		Issuer: realmURL(), ID: "kundenapp", RedirectURI: "http://127.0.0.1:9/callback", HTTP: v.HTTPClient(),
	}, "", nil}
}

// signsIn signs in through the app and returns its access token; extra are
// parameters of the request. Whoever is asked for a letter orders one and types
// its code.
func (u *appUser) signsIn(extra url.Values) (string, error) {
	request := u.app.Begin(extra)
	page, err := u.browser.Open(u.t.Context(), request.URL, u.app.RedirectURI)
	for range 30 {
		if err != nil {
			return "", err
		}
		if page.Next != nil && strings.HasPrefix(page.Next.String(), u.app.RedirectURI) {
			tokens, err := u.app.Redeem(u.t.Context(), page.Query("code"), request.Verifier)
			if err == nil && tokens.AccessToken == "" {
				err = errors.New("no tokens: " + tokens.Error)
			}
			return tokens.AccessToken, err
		}
		page, err = u.answers(page)
	}
	return "", errors.New("no end at " + page.Title() + ": " + page.Text())
}

func (u *appUser) answers(page *visitor.Page) (*visitor.Page, error) {
	fill := func(field string, values url.Values) (*visitor.Page, error) {
		form, err := page.Form(field)
		if err != nil {
			return nil, err
		}
		return u.browser.Submit(u.t.Context(), form, values, u.app.RedirectURI)
	}
	own := func(values url.Values) (*visitor.Page, error) {
		form, err := ownForm(page)
		if err != nil {
			return nil, err
		}
		return u.browser.Submit(u.t.Context(), form, values, u.app.RedirectURI)
	}
	switch page.Title() {
	case askNumber:
		return fill("number", url.Values{"number": {u.person.Number}})
	case askChoice:
		return own(url.Values{"wish": {"sign_in"}})
	case askPassword:
		if strings.Contains(page.Text(), "passen nicht zusammen") {
			return nil, errors.New("the password does not fit")
		}
		return fill("password", url.Values{"password": {u.person.Password}})
	case askOldPhone:
		if u.old != nil {
			return own(url.Values{"wish": {"ask"}})
		}
		fallthrough
	case askNect:
		other, err := page.Link("Anders ausweisen")
		if err != nil {
			return nil, err
		}
		return u.browser.Open(u.t.Context(), other)
	case askWay:
		forms := page.Forms()
		i := slices.IndexFunc(forms, func(f visitor.Form) bool { return strings.HasSuffix(f.Action, "/ways") })
		if i < 0 {
			return nil, errors.New("no ways at " + page.Text())
		}
		return u.browser.Submit(u.t.Context(), forms[i], url.Values{"way": {"letter"}}, u.app.RedirectURI)
	case askLetter:
		if u.code == "" {
			return fill("code", url.Values{"wish": {"order"}})
		}
		return fill("code", url.Values{"code": {u.code}})
	case sayConfirm:
		if err := u.vouches(page); err != nil {
			return nil, err
		}
		return own(url.Values{"wish": {"check"}})
	case sayOrdered:
		u.code = u.letter(u.t, u.person, "letter.code").Data.Code
		return own(url.Values{"wish": {"code"}})
	}
	return nil, errors.New("stands at " + page.Title() + ": " + page.Text())
}

var threeDigits = regexp.MustCompile(`\b\d{3}\b`)

// vouches confirms on the old phone what the page waits for.
func (u *appUser) vouches(page *visitor.Page) error {
	inbox, err := u.old.Inbox(u.t.Context(), 0, "")
	if err != nil || inbox.Count != 1 {
		return errors.Join(err, errors.New("the old phone's inbox has not one request"))
	}
	shown := u.waiting(u.old, inbox.Requests[0].ID)
	_, err = u.old.Approve(u.t.Context(), shown, threeDigits.FindString(page.Text()), devicePassword)
	return err
}

// keyed is a phone that has a key already, to which a login is bound.
type keyed interface {
	Asks() device.Ask
	ProvesTo(tokenEndpoint string) (string, error)
}

// token signs in for a phone.
func (u *appUser) token(p keyed) string {
	u.t.Helper()
	u.app.Proves = p.ProvesTo
	defer func() { u.app.Proves = nil }()
	token, err := u.signsIn(asking(p))
	if err != nil {
		u.t.Fatal(err)
	}
	return token
}

// asking are the parameters of a login for a phone.
func asking(p keyed) url.Values {
	return url.Values{"acr_values": {p.Asks().ACR}, "dpop_jkt": {p.Asks().JKT}}
}

// newPhone is one that is not registered yet.
func (u *appUser) newPhone() *device.Phone {
	u.t.Helper()
	key, err := device.NewKey()
	if err != nil {
		u.t.Fatal(err)
	}
	return &device.Phone{Base: theatre.Ports.GateURL() + "/schleuse/device/v1", HTTP: u.browser.HTTPClient(), Key: key}
}

// phone registers one and opens its app.
func (u *appUser) phone() *device.Phone {
	u.t.Helper()
	p := u.newPhone()
	if _, err := p.Enrol(u.t.Context(), u.token(p), "Telefon", "other", devicePassword); err != nil {
		u.t.Fatal(err)
	}
	if err := p.SetPIN(u.t.Context(), devicePassword, devicePIN); err != nil {
		u.t.Fatal(err)
	}
	if err := p.OpenByPIN(u.t.Context(), devicePIN); err != nil {
		u.t.Fatal(err)
	}
	return p
}

// backend is the one that may ask.
func (u *appUser) backend() *client.Client {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, u.browser.HTTPClient())
	credentials := clientcredentials.Config{
		ClientID: "backend", ClientSecret: stage.BackendSecret, TokenURL: realmURL() + "/protocol/openid-connect/token",
	}
	return &client.Client{URL: theatre.Ports.GateURL() + "/schleuse/approvals/v1", ID: "backend", HTTP: credentials.Client(ctx)}
}

func (u *appUser) address(to string) client.Question {
	return client.Question{
		Subject: client.Subject{KVNR: u.person.Number}, Action: "adresse", Content: client.HashOf([]byte(to)),
		Fields: map[string]string{"alt": "Alte Straße 1", "neu": to},
	}
}

// waiting is what the phone shows of the request.
func (u *appUser) waiting(p *device.Phone, id string) device.Request {
	u.t.Helper()
	r, err := p.Request(u.t.Context(), id)
	if err != nil {
		u.t.Fatal(err)
	}
	return r
}

func TestACustomerRegistersAPhoneAndConfirmsOnIt(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	p, backend := u.phone(), u.backend()
	u.noticed("phone_added")

	q := u.address("Neue Straße 2, 10115 Berlin")
	asked, err := backend.Ask(t.Context(), q)
	if err != nil || asked.State != client.Pending || len(asked.MatchCode) != 3 {
		t.Fatalf("%+v, %v", asked, err)
	}
	inbox, err := p.Inbox(t.Context(), 0, "")
	if err != nil || inbox.Count != 1 || inbox.Requests[0].ID != asked.ID {
		t.Fatalf("inbox %+v, %v", inbox, err)
	}
	shown := u.waiting(p, asked.ID)
	if shown.Content != q.Content.String() || len(shown.Fields) != 2 || shown.Fields[1].Value != "Neue Straße 2, 10115 Berlin" || shown.Title["de"] != "Adresse ändern" {
		t.Fatalf("the phone shows %+v", shown)
	}
	if _, err := p.Approve(t.Context(), shown, asked.MatchCode, "nicht-das-Wort-1"); !device.Is(err, "factors") {
		t.Fatalf("a wrong device password: %v", err)
	}
	if _, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content}); !client.Is(err, "not_approved") {
		t.Fatalf("redeemed before it was approved: %v", err)
	}
	decision, err := p.Approve(t.Context(), shown, asked.MatchCode, devicePassword)
	if err != nil || decision.State != "approved" {
		t.Fatalf("%+v, %v", decision, err)
	}
	if got, err := backend.Wait(t.Context(), asked.ID); err != nil || got.State != client.Approved {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: client.HashOf([]byte("other"))}); !client.Is(err, "content") {
		t.Fatalf("redeemed for other bytes: %v", err)
	}
	receipt, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content})
	if err != nil || receipt.Device != p.ID {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if _, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content}); !client.Is(err, "redeemed") {
		t.Fatalf("redeemed twice: %v", err)
	}
}

func TestAPersonDeniesOnThePhone(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	p, backend := u.phone(), u.backend()
	q := u.address("Fremde Straße 9")
	asked, err := backend.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Deny(t.Context(), u.waiting(p, asked.ID), ""); err != nil {
		t.Fatal(err)
	}
	if got, err := backend.Wait(t.Context(), asked.ID); err != nil || got.State != client.Denied {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := backend.Ask(t.Context(), q); !client.Is(err, "paused") {
		t.Errorf("asked again at once: %v", err)
	}
}

// TestWasNotMeShutsTheThiefOut: the person denies and says who it was not; the
// login password is useless at once, every session is over, and on this phone a
// new one is chosen.
func TestWasNotMeShutsTheThiefOut(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	p := u.phone()
	thief := a.appUser(t, u.person)
	if _, err := thief.signsIn(nil); err != nil {
		t.Fatal(err)
	}
	asked, err := u.backend().Ask(t.Context(), u.address("Beim Dieb 1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Deny(t.Context(), u.waiting(p, asked.ID), "not_me"); err != nil {
		t.Fatal(err)
	}
	u.noticed("sessions_ended")
	if sessions := sessionsOf(t, u.person); sessions != 0 {
		t.Errorf("%d sessions live on", sessions)
	}
	if _, err := a.appUser(t, u.person).signsIn(nil); err == nil {
		t.Error("the old login password opens the account")
	}
	if err := p.SetLoginPassword(t.Context(), devicePassword, "Ganz-neues-Wort-9"); err != nil {
		t.Fatal(err)
	}
	again := a.appUser(t, stage.Person{Number: u.person.Number, Password: "Ganz-neues-Wort-9"})
	if _, err := again.signsIn(nil); err != nil {
		t.Error(err)
	}
}

// TestTheThiefGetsNoPhone: who knows number and login password of somebody who
// is identified gets no phone, no unlock and no receipt.
func TestTheThiefGetsNoPhone(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	victims := u.phone()
	thief := a.appUser(t, u.person)
	plain, err := thief.signsIn(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := thief.newPhone()
	if _, err := own.Enrol(t.Context(), plain, "Beute", "other", devicePassword); !device.Is(err, "enrolment_required") {
		t.Errorf("registered with a plain login: %v", err)
	}
	request := thief.app.Begin(asking(own))
	page, err := thief.browser.Open(t.Context(), request.URL, thief.app.RedirectURI)
	if err != nil || page.Next != nil || page.Title() != askOldPhone {
		t.Fatalf("asked for a phone the thief stands at %q, %v", page.Title(), err)
	}
	stolen := thief.newPhone()
	stolen.ID = victims.ID
	if _, err := stolen.Unlock(t.Context(), plain, "Neues-Geraete-Wort-1"); err == nil {
		t.Error("the thief unlocked the victim's phone")
	}
	if _, err := stolen.Inbox(t.Context(), 0, ""); !device.Is(err, "device_unknown") {
		t.Errorf("the thief reads the inbox: %v", err)
	}
	devices, err := victims.Devices(t.Context())
	if err != nil || len(devices) != 1 || devices[0].State != "active" {
		t.Errorf("the victim's phones: %+v, %v", devices, err)
	}
}

// TestAPhoneVouchesForAnother, and the other one confirms from then on.
func TestAPhoneVouchesForAnother(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	u.old = u.phone()
	second, backend := u.phone(), u.backend()
	phones, err := second.Devices(t.Context())
	if err != nil || len(phones) != 2 {
		t.Fatalf("phones %+v, %v", phones, err)
	}
	q := u.address("Neue Straße 5")
	asked, err := backend.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Approve(t.Context(), u.waiting(second, asked.ID), asked.MatchCode, devicePassword); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content}); err != nil {
		t.Error(err)
	}
}

// TestABlockedPhoneRedeemsNothing, however far its approval had come.
func TestABlockedPhoneRedeemsNothing(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	p, backend := u.phone(), u.backend()
	u.code = ""
	q := u.address("Neue Straße 3")
	asked, err := backend.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(t.Context(), u.waiting(p, asked.ID), asked.MatchCode, devicePassword); err != nil {
		t.Fatal(err)
	}
	if err := p.Block(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	_, err = backend.Redeem(t.Context(), client.Expected{ID: asked.ID, Action: "adresse", Content: q.Content})
	if !client.Is(err, "request_over") {
		t.Errorf("redeemed by a blocked phone: %v", err)
	}
	if _, err := p.Inbox(t.Context(), 0, ""); !device.Is(err, "device_unknown") {
		t.Errorf("a blocked phone reads its inbox: %v", err)
	}
	u.noticed("phone_blocked")
}

// TestFiveWrongDevicePasswordsLockThePhone, and a new identification unlocks it.
func TestFiveWrongDevicePasswordsLockThePhone(t *testing.T) {
	a := openAnnexe(t)
	u := a.identifiedCustomer(t)
	p, backend := u.phone(), u.backend()
	asked, err := backend.Ask(t.Context(), u.address("Neue Straße 4"))
	if err != nil {
		t.Fatal(err)
	}
	shown := u.waiting(p, asked.ID)
	for range 5 {
		if _, err := p.Approve(t.Context(), shown, asked.MatchCode, "nicht-das-Wort-1"); err == nil {
			t.Fatal("approved by a wrong device password")
		}
	}
	if _, err := p.Approve(t.Context(), shown, asked.MatchCode, devicePassword); !device.Is(err, "device_locked") {
		t.Errorf("the right one after five wrong: %v", err)
	}
	u.noticed("phone_locked")
}

// noticed waits for the letter and the mail that tell the person what happened.
func (u *appUser) noticed(kind string) {
	u.t.Helper()
	if _, err := u.mail.Await(u.t.Context(), mailOf(u.person), subjectOf(u.t, kind)); err != nil {
		u.t.Errorf("no mail says %s: %v", kind, err)
	}
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, o := range u.orders(u.t) {
			if o.Data.Number == u.person.Number && o.Type == "letter.notice" && o.Data.Template == kind {
				return
			}
		}
	}
	u.t.Errorf("no letter says %s", kind)
}

// subjectOf is what a mail of this kind is called.
func subjectOf(t *testing.T, kind string) string {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "sidecar", "notify", "messages", "de.json"))
	if err != nil {
		t.Fatal(err)
	}
	var messages map[string]string
	if err := json.Unmarshal(text, &messages); err != nil || messages[kind+".subject"] == "" {
		t.Fatalf("no subject for %s: %v", kind, err)
	}
	return messages[kind+".subject"]
}

func sessionsOf(t *testing.T, person stage.Person) int {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		sessions, err := theatre.Keycloak.Admin.Sessions(t.Context(), person.Number)
		if err != nil {
			t.Fatal(err)
		}
		if sessions == 0 || time.Now().After(deadline) {
			return sessions
		}
		time.Sleep(100 * time.Millisecond)
	}
}
