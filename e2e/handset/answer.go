package handset

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/schleuse/schleuse/e2e/device"
)

// show is the page: how to register, or what waits.
func (k *rack) show(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	k.screen(w, r, p, http.StatusOK, "")
}

func (k *rack) screen(w http.ResponseWriter, r *http.Request, p *phone, status int, problem string) {
	v := view{Problem: problem, Token: p.token, Registered: p.device != nil}
	if v.Registered {
		var err error
		if v.Waiting, err = waiting(r.Context(), p.device); err != nil {
			v.Problem = words(err)
		}
		v.Refresh = len(v.Waiting) == 0 && v.Problem == "" // nobody is typing
	}
	k.render(w, status, v)
}

// waiting opens the app and reads what waits.
func waiting(ctx context.Context, d *device.Phone) ([]device.Request, error) {
	inbox, err := d.Inbox(ctx, 0, "")
	if err != nil || inbox.Count == 0 {
		return nil, err
	}
	if err := d.OpenByPIN(ctx, pin); err != nil {
		return nil, err
	}
	var requests []device.Request
	for _, waits := range inbox.Requests {
		request, err := d.Request(ctx, waits.ID)
		if err != nil {
			return requests, err
		}
		requests = append(requests, request)
	}
	return requests, nil
}

// login begins a login for a phone, which asks for a proof of who one is.
func (k *rack) login(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request = k.app().Begin(url.Values{"acr_values": {enrolment}})
	http.Redirect(w, r, p.request.URL, http.StatusSeeOther)
}

// back is where the login ends.
func (k *rack) back(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	query := r.URL.Query()
	if p.request.State == "" || query.Get("state") != p.request.State || query.Get("code") == "" {
		k.screen(w, r, p, http.StatusBadRequest, "Die Anmeldung wurde nicht beendet. Bitte beginnen Sie neu.")
		return
	}
	verifier := p.request.Verifier
	p.request.State = ""
	tokens, err := k.app().Redeem(r.Context(), query.Get("code"), verifier)
	if err != nil || tokens.AccessToken == "" {
		k.screen(w, r, p, http.StatusBadGateway, "Die Anmeldung hat nicht geklappt. Bitte beginnen Sie neu.")
		return
	}
	p.token = tokens.AccessToken
	http.Redirect(w, r, Path, http.StatusSeeOther) // the code does not stay in the address
}

// register makes a key and registers the phone.
func (k *rack) register(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := device.NewKey()
	if err != nil {
		k.screen(w, r, p, http.StatusInternalServerError, words(err))
		return
	}
	d, password := &device.Phone{Base: k.Base, HTTP: k.HTTP, Key: key}, r.PostFormValue("password")
	if _, err = d.Enrol(r.Context(), p.token, phoneName, "other", password); err != nil {
		k.screen(w, r, p, http.StatusUnprocessableEntity, words(err))
		return
	}
	p.device, p.token = d, ""
	if err := d.SetPIN(r.Context(), password, pin); err != nil {
		k.screen(w, r, p, http.StatusBadGateway, words(err))
		return
	}
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

// answer approves or denies what waits.
func (k *rack) answer(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.device == nil {
		k.screen(w, r, p, http.StatusConflict, "Auf diesem Telefon ist niemand angemeldet.")
		return
	}
	if err := decide(r, p.device); err != nil {
		k.screen(w, r, p, http.StatusUnprocessableEntity, words(err))
		return
	}
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

func decide(r *http.Request, d *device.Phone) error {
	ctx := r.Context()
	if err := d.OpenByPIN(ctx, pin); err != nil {
		return err
	}
	request, err := d.Request(ctx, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	// What is signed is what was shown, not what the server has made of it since.
	if r.PostFormValue("shown") != request.Raw {
		return errChanged
	}
	switch r.PostFormValue("decision") {
	case "approve":
		_, err = d.Approve(ctx, request, r.PostFormValue("code"), r.PostFormValue("password"))
	case "not_me":
		_, err = d.Deny(ctx, request, "not_me")
	default:
		_, err = d.Deny(ctx, request, "")
	}
	return err
}

// errChanged says that another request was shown than would be signed.
var errChanged = errors.New("the request has changed")

// away forgets the phone, as if it had fallen into a lake.
func (k *rack) away(w http.ResponseWriter, r *http.Request) {
	p := k.mine(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.device, p.token = nil, ""
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

// words says what is the matter, and what to do.
func words(err error) string {
	var p *device.Problem
	if !errors.As(err, &p) {
		return "Die Schleuse ist gerade nicht zu erreichen. Bitte versuchen Sie es gleich noch einmal."
	}
	known := map[string]string{
		"factors":            "Das Geräte-Passwort passt nicht. Bitte versuchen Sie es noch einmal.",
		"match_code":         "Die Zahl passt nicht. Bitte lesen Sie sie noch einmal im WebCenter ab.",
		"request_over":       "Diese Anfrage ist vorbei.",
		"device_locked":      "Das Telefon ist gesperrt. Melden Sie bitte ein neues an.",
		"device_unknown":     "Das Telefon ist nicht mehr angemeldet. Melden Sie es bitte neu an.",
		"password_weak":      "Das Passwort ist zu leicht zu erraten. Bitte nehmen Sie ein anderes mit mindestens 8 Zeichen.",
		"enrolment_required": "Die Anmeldung ist zu lange her. Bitte melden Sie sich neu an.",
		"token_invalid":      "Die Anmeldung ist zu lange her. Bitte melden Sie sich neu an.",
		"device_limit":       "Es sind schon zu viele Telefone angemeldet.",
	}
	if text := known[p.Word()]; text != "" {
		return text
	}
	return "Die Schleuse sagt: " + p.Error() + "."
}
