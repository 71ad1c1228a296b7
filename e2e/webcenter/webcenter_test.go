package webcenter_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"github.com/schleuse/schleuse/e2e/webcenter"
)

func start(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(webcenter.New(webcenter.Settings{SignOut: "/ab"}))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url, number string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Kvnr", number)
	return answer(t, request)
}

func answer(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestPagesShowTheHeaders(t *testing.T) {
	server := start(t)
	cases := map[string]struct {
		status int
		words  string
	}{
		"/":          {200, "Ihre Versichertennummer ist <strong>A123456780"},
		"/postfach/": {200, "Beitragsbescheinigung"},
		"/antraege/": {200, "Welchen Antrag"},
		"/profil":    {200, "X-Auth-Kvnr: A123456780"},
		"/nirgends":  {404, "gibt es nicht"},
	}
	for path, want := range cases {
		status, body := get(t, server.URL+path, "A123456780")
		if status != want.status || !strings.Contains(body, want.words) || !strings.Contains(body, `href="/ab"`) {
			t.Errorf("%s: %d, want %d with %q:\n%s", path, status, want.status, want.words, body)
		}
	}
}

func TestEchoNamesThePerson(t *testing.T) {
	server := start(t)
	config, err := websocket.NewConfig("ws"+strings.TrimPrefix(server.URL, "http")+"/echo", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.Header.Set("X-Auth-Kvnr", "A123456780")
	connection, err := websocket.DialConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "hallo"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := connection.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(buffer[:n]), "A123456780: hallo"; got != want {
		t.Errorf("echo %q, want %q", got, want)
	}
}

func TestClockTicks(t *testing.T) {
	server := start(t)
	response, err := http.Get(server.URL + "/uhr")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	buffer := make([]byte, 6)
	if _, err := io.ReadFull(response.Body, buffer); err != nil || string(buffer) != "data: " {
		t.Errorf("first bytes %q, %v", buffer, err)
	}
}
