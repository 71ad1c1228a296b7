package attack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/schleuse/schleuse/e2e/stage"
)

// The clients that people use work through the gate as they do directly. Each
// is run at both doors, with the same code.
func bothDoors(t *testing.T, run func(t *testing.T, s *scene)) {
	t.Helper()
	for name, port := range map[string]int{"through the gate": here.doors.Gate(), "directly": here.Ports.Keycloak()} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "attack-web", "identified")
			s.at(port, "attack-web")
			run(t, s)
		})
	}
}

func TestClientGoOIDC(t *testing.T) {
	bothDoors(t, func(t *testing.T, s *scene) {
		ctx := oidc.ClientContext(t.Context(), s.v.HTTPClient())
		provider, err := oidc.NewProvider(ctx, realm())
		if err != nil {
			t.Fatal(err)
		}
		config := oauth2.Config{
			ClientID: s.app.ID, ClientSecret: clientSecret, RedirectURL: redirectURI,
			Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile"},
		}
		proof := oauth2.GenerateVerifier()
		page := s.login(config.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(proof)))
		token, err := config.Exchange(ctx, page.Query("code"), oauth2.VerifierOption(proof))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := provider.Verifier(&oidc.Config{ClientID: s.app.ID}).Verify(ctx, raw)
		if err != nil || id.Nonce != "nonce" || id.Subject != s.person.ID {
			t.Fatalf("ID token: %v", err)
		}
		info, err := provider.UserInfo(ctx, config.TokenSource(ctx, token))
		if err != nil || info.Subject != s.person.ID {
			t.Errorf("userinfo: %v", err)
		}
		token.AccessToken = "" // so that it is renewed
		if renewed, err := config.TokenSource(ctx, token).Token(); err != nil || renewed.AccessToken == "" {
			t.Errorf("refresh: %v", err)
		}
	})
}

// TestClientOpenIDClient runs the certified client of Node.js: discovery, a
// pushed request, PKCE, ID token, user info, refresh, introspection,
// revocation. What Keycloak says of a token must be the same at both doors.
func TestClientOpenIDClient(t *testing.T) {
	active := map[string]bool{}
	bothDoors(t, func(t *testing.T, s *scene) {
		answer := s.node("openid.mjs", map[string]any{
			"issuer": realm(), "dial": s.v.Dial[gateHost()], "address": s.v.Header.Get("X-Forwarded-For"),
			"id": s.app.ID, "secret": clientSecret, "redirect": redirectURI,
		})
		for what, want := range map[string]string{"sub": s.person.ID, "userinfo": s.person.ID, "refreshed": "yes", "revoked": "yes"} {
			if answer[what] != want {
				t.Errorf("%s: %q, want %q", what, answer[what], want)
			}
		}
		active[answer["active"]] = true
	})
	if len(active) != 1 {
		t.Errorf("introspection differs: %v", active)
	}
}

// node runs a script of e2e/clients: it prints an authorization request, is
// given the address to which the browser came back, and prints what it got.
func (s *scene) node(script string, settings map[string]any) map[string]string {
	s.Helper()
	root, err := stage.Root()
	if err != nil {
		s.Fatal(err)
	}
	cache, err := stage.OpenCache(stage.Progress{})
	if err != nil {
		s.Fatal(err)
	}
	settings["modules"] = filepath.Join(cache.Dir, "npm", "node_modules")
	raw, err := json.Marshal(settings)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(root, "e2e", "clients", script), string(raw))
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	said := &lastWords{}
	cmd.Stderr = said
	if err := cmd.Start(); err1 != nil || err2 != nil || err != nil {
		s.Fatal("node (see e2e/install.sh): ", err1, err2, err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		s.Fatalf("%s said nothing: %s", script, said)
	}
	page := s.login(lines.Text())
	back := url.URL{}
	if page.Next != nil {
		back = *page.Next
	}
	if _, err := in.Write([]byte(back.String() + "\n")); err != nil {
		s.Fatal(err)
	}
	in.Close()
	answer := map[string]string{}
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &answer) != nil {
		s.Fatalf("%s: %s %s", script, lines.Text(), said)
	}
	if err := cmd.Wait(); err != nil {
		s.Fatal(err)
	}
	return answer
}
