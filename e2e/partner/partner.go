package partner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Settings of the portal as a client.
type Settings struct {
	Issuer, ClientID, Secret string
	URL                      string       // the portal's own address
	HTTP                     *http.Client // the way to the issuer
}

// Limits of what is kept at once; the oldest is not looked for, all go.
const (
	keptLimit = 1000
	loginLife = time.Hour
)

const (
	sessionCookie = "partner-session"
	loginCookie   = "partner-login"
)

type portal struct {
	Settings

	mu       sync.Mutex
	logins   map[string]login
	sessions map[string]session
}

type login struct {
	nonce, verifier string
	begun           time.Time
}

type session struct{ name, idToken string }

// New returns the portal. It asks the issuer for its metadata at the first login.
func New(settings Settings) http.Handler {
	p := &portal{Settings: settings, logins: map[string]login{}, sessions: map[string]session{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /login", p.begin)
	mux.HandleFunc("GET /callback", p.callback)
	mux.HandleFunc("POST /logout", p.logout)
	return mux
}

func (p *portal) client(ctx context.Context) (context.Context, *oidc.Provider, oauth2.Config, error) {
	ctx = oidc.ClientContext(ctx, p.HTTP)
	provider, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return ctx, nil, oauth2.Config{}, fmt.Errorf("asking the issuer: %w", err)
	}
	return ctx, provider, oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: provider.Endpoint(),
		RedirectURL: p.URL + "/callback", Scopes: []string{oidc.ScopeOpenID, "profile"},
	}, nil
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="de"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Partnerportal</title>
<style>:root{color-scheme:light dark}body{font:1.125rem/1.6 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}button{font:inherit;min-height:2.75rem;padding:0 1.25rem}a{display:inline-block;padding:.6rem 0}</style></head>
<body><main><h1>Partnerportal</h1>
{{if .}}<p>Angemeldet: <strong>{{.}}</strong></p><form method="post" action="/logout"><button>Abmelden</button></form>
{{else}}<p>Sie sind nicht angemeldet.</p><p><a href="/login">Anmelden</a></p>{{end}}</main></body></html>`))

func (p *portal) home(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := page.Execute(w, p.session(r).name); err != nil {
		return // the browser has gone
	}
}

func (p *portal) begin(w http.ResponseWriter, r *http.Request) {
	_, _, config, err := p.client(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	state, begun := rand.Text(), login{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), begun: time.Now()}
	p.mu.Lock()
	if len(p.logins) >= keptLimit {
		clear(p.logins)
	}
	p.logins[state] = begun
	p.mu.Unlock()
	setCookie(w, loginCookie, state)
	http.Redirect(w, r, config.AuthCodeURL(state, oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier)), http.StatusSeeOther)
}

func (p *portal) callback(w http.ResponseWriter, r *http.Request) {
	if reason := r.FormValue("error"); reason != "" {
		http.Error(w, "Die Anmeldung ist nicht zustande gekommen: "+reason, http.StatusForbidden)
		return
	}
	state := r.FormValue("state")
	cookie, err := r.Cookie(loginCookie)
	if err != nil || cookie.Value != state {
		http.Error(w, "Diese Anmeldung hat hier nicht begonnen.", http.StatusBadRequest)
		return
	}
	begun, err := p.take(state)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	who, err := p.redeem(r.Context(), r.FormValue("code"), begun)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	id := rand.Text()
	p.mu.Lock()
	if len(p.sessions) >= keptLimit {
		clear(p.sessions)
	}
	p.sessions[id] = who
	p.mu.Unlock()
	setCookie(w, sessionCookie, id)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *portal) take(state string) (login, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	begun, ok := p.logins[state]
	delete(p.logins, state)
	if !ok || time.Since(begun.begun) > loginLife {
		return login{}, errors.New("Diese Anmeldung ist zu alt.") //nolint:staticcheck // it is shown to a person
	}
	return begun, nil
}

func (p *portal) redeem(ctx context.Context, code string, begun login) (session, error) {
	ctx, provider, config, err := p.client(ctx)
	if err != nil {
		return session{}, err
	}
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return session{}, fmt.Errorf("redeeming the code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return session{}, fmt.Errorf("checking the ID token: %w", err)
	}
	if verified.Nonce != begun.nonce {
		return session{}, errors.New("the ID token's nonce is another login's")
	}
	var claims struct{ Name string }
	if err := verified.Claims(&claims); err != nil {
		return session{}, err
	}
	return session{name: claims.Name, idToken: raw}, nil
}

func (p *portal) session(r *http.Request) session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[cookie.Value]
}

func (p *portal) logout(w http.ResponseWriter, r *http.Request) {
	who := p.session(r)
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		p.mu.Lock()
		delete(p.sessions, cookie.Value)
		p.mu.Unlock()
	}
	end := p.Issuer + "/protocol/openid-connect/logout?client_id=" + p.ClientID +
		"&post_logout_redirect_uri=" + template.URLQueryEscaper(p.URL+"/") + "&id_token_hint=" + who.idToken
	http.Redirect(w, r, end, http.StatusSeeOther)
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
}
