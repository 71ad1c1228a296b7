package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// theirs runs a go command in the third party's module.
func theirs(t *testing.T, arguments ...string) {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", arguments...)
	command.Dir = filepath.Join(root, "e2e", "thirdparty")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s in e2e/thirdparty: %v\n%s\nIs its go.mod behind ours? Then: go mod tidy, there.", strings.Join(arguments, " "), err, out)
	}
}

func TestAThirdPartysStepPassesTheSuite(t *testing.T) { theirs(t, "test", "./...") }

// kasse starts the third party's build, with its step after the card's.
func kasse(t *testing.T) (*play.Schleuse, *visitor.Visitor) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kasse")
	theirs(t, "build", "-o", binary, ".")
	own := *theatre
	own.Binary = binary
	port, internal := freePort(t), freePort(t)
	schleuse, err := own.Schleuse(context.WithoutCancel(t.Context()), play.Spec{
		Dir: t.TempDir(), Port: port, Internal: internal,
		Edit: func(configuration []byte) []byte {
			configuration = bytes.Replace(configuration, []byte("keycloak, egk]"), []byte("keycloak, egk, birthyear]"), 1)
			return bytes.Replace(configuration, []byte("extensions:\n"), []byte("extensions:\n  birthyear: {kind: birthyear, config: {tries: 2}}\n"), 1)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(schleuse.Stop)
	v := visitor.New()
	v.Dial[strings.TrimPrefix(theatre.Ports.GateURL(), "http://")] = fmt.Sprintf("127.0.0.1:%d", port)
	return schleuse, v
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answer fills in the form with this field and follows to the next page.
func answer(t *testing.T, v *visitor.Visitor, page *visitor.Page, want, field, value string, stops ...string) *visitor.Page {
	t.Helper()
	if page.Title() != want {
		t.Fatalf("at %q, want %q\n%s", page.Title(), want, page.Text())
	}
	form, err := page.Form(field)
	if err != nil { // buttons are no fields: it is the page's first form
		form = page.Forms()[0]
	}
	next, err := v.Submit(t.Context(), form, url.Values{field: {value}}, stops...)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestAThirdPartysStepStandsInTheWay(t *testing.T) {
	schleuse, v := kasse(t)
	person := newCustomer(t)
	text, err := os.ReadFile(openHouse(t).Members)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(schleuse.Members, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const ask = "In welchem Jahr sind Sie geboren?"
	app := webCenter(v)
	request := app.Begin(nil)
	page, err := v.Open(t.Context(), request.URL)
	if err != nil {
		t.Fatal(err)
	}
	page = answer(t, v, page, askNumber, "number", person.Number)
	page = answer(t, v, page, askChoice, "wish", "sign_in")
	page = answer(t, v, page, askPassword, "password", person.Password)
	page = answer(t, v, page, askDigits, "digits", person.Digits)
	page = answer(t, v, page, ask, "year", "1971", app.RedirectURI)
	if !strings.Contains(page.Text(), "Das Jahr passt nicht zu Ihren Daten.") || identified(t, person) {
		t.Fatalf("a wrong year was not noticed:\n%s", page.Text())
	}
	page = answer(t, v, page, ask, "year", "1970", app.RedirectURI)
	if page.Next == nil {
		t.Fatalf("came to rest at %q\n%s", page.Title(), page.Text())
	}
	tokens, err := app.Redeem(t.Context(), page.Next.Query().Get("code"), request.Verifier)
	if err != nil || tokens.Error != "" || !identified(t, person) {
		t.Errorf("%v %s; identified %v", err, tokens.Error, identified(t, person))
	}
}
