package attack_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	chromium "github.com/schleuse/schleuse/e2e/browser"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

// TestClientsInTheBrowser signs in with the two scripts that single-page
// applications use, in Chromium: redirect, token, user info by CORS, renewal
// by refresh token, and the frames in which they look at the login.
func TestClientsInTheBrowser(t *testing.T) {
	at := serveScripts(t)
	running, err := chromium.Launch(t.Context(), "", "MAP "+gateHost()+" "+local(here.doors.Gate()))
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	for _, page := range []string{"keycloak.html", "oidc.html"} {
		t.Run(page, func(t *testing.T) {
			p := newPerson(t, "identified")
			tab, err := running.Open(chromium.Profile{})
			if err != nil {
				t.Fatal(err)
			}
			defer tab.Close()
			for _, do := range []func() error{
				func() error { return tab.Go(at + "/" + page) },
				func() error { return tab.Type("number", p.Number) },
				func() error { return tab.Press("Weiter") },
				func() error { return tab.Press("Anmelden") },
				func() error { return tab.Type("password", p.Password) },
				func() error { return tab.Press("Anmelden") },
				func() error { return tab.See("angemeldet " + p.ID + " erneuert true rahmen true") },
			} {
				if err := do(); err != nil {
					text, _ := tab.Text()
					t.Fatalf("%v: %s", err, text)
				}
			}
		})
	}
}

// serveScripts serves the applications at an origin of their own and makes
// them a client of the realm.
func serveScripts(t *testing.T) (at string) {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := stage.OpenCache(stage.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	at = fmt.Sprintf("http://app.localhost:%d", here.doors.Upstream())
	const client = "attack-script"
	here.admin.DeleteClient(t.Context(), client)
	err = here.admin.CreateClient(t.Context(), map[string]any{
		"clientId": client, "enabled": true, "publicClient": true, "standardFlowEnabled": true,
		"redirectUris": []string{at + "/*"}, "webOrigins": []string{"+"}, "attributes": map[string]string{"pkce.code.challenge.method": "S256"},
		"defaultClientScopes": []string{"basic", "profile", "web-origins"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.admin.DeleteClient(t.Context(), client) })
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(root, "e2e", "clients"))))
	mux.Handle("/modules/", http.StripPrefix("/modules/", http.FileServer(http.Dir(filepath.Join(cache.Dir, "npm", "node_modules")))))
	mux.HandleFunc("/settings.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "export default {url: %q, realm: %q, client: %q}\n", here.Ports.GateURL(), realmName, client)
	})
	if err := play.Serve(t.Context(), here.doors.Upstream(), mux); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(at, "/")
}
