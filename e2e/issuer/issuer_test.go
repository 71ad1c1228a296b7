package issuer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/schleuse/schleuse/e2e/issuer"
	"github.com/schleuse/schleuse/e2e/visitor"
)

func TestALoginAsAClientSeesIt(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	i, err := issuer.New("http://"+server.Listener.Addr().String(), "keycloak", "secret")
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = i.Handler()
	server.Start()
	t.Cleanup(server.Close)
	provider, err := oidc.NewProvider(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: "keycloak", ClientSecret: "secret", Endpoint: provider.Endpoint(),
		RedirectURL: "http://client.localhost/cb", Scopes: []string{"openid"},
	}
	code := login(t, config.AuthCodeURL("state", oidc.Nonce("n")))
	token, err := config.Exchange(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: "keycloak", SupportedSigningAlgs: []string{"ES256"}}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if verified.Subject != "foreign-otto" || verified.Nonce != "n" {
		t.Errorf("subject %q, nonce %q", verified.Subject, verified.Nonce)
	}
	if _, err := config.Exchange(context.WithoutCancel(t.Context()), code); err == nil {
		t.Error("a code works twice")
	}
}

func login(t *testing.T, target string) string {
	t.Helper()
	v := visitor.New()
	page, err := v.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	form, err := page.Form("name")
	if err != nil {
		t.Fatal(err)
	}
	page, err = v.Submit(t.Context(), form, url.Values{"name": {"otto"}}, "http://client.localhost/")
	if err != nil {
		t.Fatal(err)
	}
	if page.Status/100 != 3 || page.Query("state") != "state" {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	return page.Query("code")
}

func TestAWrongSecretIsRefused(t *testing.T) {
	i, err := issuer.New("http://issuer.localhost", "keycloak", "secret")
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/token", nil)
	request.SetBasicAuth("keycloak", "guess")
	i.Handler().ServeHTTP(recorder, request)
	if recorder.Code != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", recorder.Code)
	}
}
