package app_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/app"
	"github.com/schleuse/schleuse/e2e/browser"
)

// TestVectors checks the app's protocol modules in a browser against the
// vectors that the server is checked against.
func TestVectors(t *testing.T) {
	served, err := app.New(app.Settings{URL: "http://app.localhost", Issuer: "http://login.localhost/realms/kasse", Base: "http://login.localhost/schleuse/device/v1"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", served)
	vectors := filepath.Join("..", "..", "sidecar", "device", "testdata", "protocol")
	mux.Handle("/vectors/", http.StripPrefix("/vectors/", http.FileServer(http.Dir(vectors))))
	mux.HandleFunc("/vectors.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("testdata", "vectors.js"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")

	chromium, err := browser.Launch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(chromium.Close)
	tab, err := chromium.Open(browser.Profile{})
	if err == nil {
		err = tab.Go("http://app.localhost:" + port + "/config.json")
	}
	if err != nil {
		t.Fatal(err)
	}
	failures, err := tab.Evaluate("import('/vectors.js').then(m => m.run())")
	if err != nil {
		t.Fatal(err)
	}
	if failures != "" {
		t.Error(failures)
	}
}
