package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// startPatience bounds the demo's start on a busy machine.
const startPatience = 5 * time.Minute

// told is what demo.json says, as far as the test needs it.
type told struct {
	Home, WebCenter string
	Roles           []struct {
		Title, Start string
		Typed        []struct{ Question, Answer string }
	}
}

// TestTheDemoFromStartToEnd does what a person does who tries it: start, open
// the home page, be the customer with what stands there, end.
func TestTheDemoFromStartToEnd(t *testing.T) {
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	command, output := start(t, ports)
	content := awaitContent(t, command, output)
	v := visitor.New()
	if page := open(t, v, content.Home); !strings.Contains(page.Text(), "Wer möchten Sie sein?") {
		t.Errorf("the home page says %s", page.Text())
	}
	beTheCustomer(t, content)
	beTheNewcomer(t, content)
	live := open(t, v, content.Home+"/live").Text()
	if !strings.Contains(live, "login.released") || !strings.Contains(live, "Freigabe geschafft") {
		t.Errorf("the live strip says %s", live)
	}
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("the demo ended with %v:\n%s", err, output)
	}
	if taken := ports.Taken(); len(taken) != 0 {
		t.Errorf("ports %v are still taken", taken)
	}
}

// TestTheDemoIsStoppedWhileItStarts: whoever thinks better of it has done
// nothing wrong, whatever was being built or started.
func TestTheDemoIsStoppedWhileItStarts(t *testing.T) {
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	command, output := start(t, ports)
	log := filepath.Join(folder(command), "keycloak.log")
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	for _, err := os.Stat(log); err != nil; _, err = os.Stat(log) {
		if ctx.Err() != nil {
			t.Fatalf("the demo did not start:\n%s", output)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("the demo ended with %v:\n%s", err, output)
	}
	if taken := ports.Taken(); len(taken) != 0 {
		t.Errorf("ports %v are still taken", taken)
	}
}

func start(t *testing.T, ports stage.Ports) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	command := exec.Command(binary)
	command.Env = append(os.Environ(), fmt.Sprintf("DEMO_PORT_BASE=%d", ports.Gate()), "DEMO_DIR="+t.TempDir())
	output := &bytes.Buffer{}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill() })
	return command, output
}

// folder is where the demo keeps its files.
func folder(command *exec.Cmd) string {
	dir := ""
	for _, variable := range command.Env {
		if value, ok := strings.CutPrefix(variable, "DEMO_DIR="); ok {
			dir = value
		}
	}
	return dir
}

// awaitContent waits for demo.json, which is written when all is ready.
func awaitContent(t *testing.T, command *exec.Cmd, output *bytes.Buffer) told {
	t.Helper()
	dir := folder(command)
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	for {
		text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		var content told
		if err == nil && json.Unmarshal(text, &content) == nil {
			return content
		}
		if ctx.Err() != nil || command.Process.Signal(syscall.Signal(0)) != nil {
			t.Fatalf("the demo did not start:\n%s", output)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func open(t *testing.T, v *visitor.Visitor, address string) *visitor.Page {
	t.Helper()
	page, err := v.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// beTheCustomer types what the home page says.
func beTheCustomer(t *testing.T, content told) {
	t.Helper()
	typed := content.Roles[0].Typed
	v := visitor.New()
	page := open(t, v, content.Roles[0].Start)
	steps := []struct {
		field string
		fill  url.Values
	}{
		{"number", url.Values{"number": {typed[0].Answer}}},
		{"schleuse_request", url.Values{"wish": {"sign_in"}}},
		{"password", url.Values{"password": {typed[1].Answer}}},
		{"digits", url.Values{"digits": {typed[2].Answer}}},
	}
	for _, step := range steps {
		form, err := page.Form(step.field)
		if err != nil {
			t.Fatal(err)
		}
		if page, err = v.Submit(t.Context(), form, step.fill); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(page.Text(), "Sie sind angemeldet") {
		t.Errorf("the way ends at %s with %s", page.URL.Path, page.Text())
	}
}

// beTheNewcomer registers as the home page says, with the service that plays
// Nect.
func beTheNewcomer(t *testing.T, content told) {
	t.Helper()
	typed := content.Roles[1].Typed
	password := url.Values{"password": {typed[2].Answer}, "again": {typed[2].Answer}}
	v := visitor.New()
	page := open(t, v, content.Roles[1].Start)
	submit := func(field string, fill url.Values) {
		t.Helper()
		form, err := page.Form(field)
		if err == nil {
			page, err = v.Submit(t.Context(), form, fill)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	submit("number", url.Values{"number": {typed[0].Answer}})
	submit("schleuse_request", url.Values{"wish": {"register"}})
	submit("schleuse_request", url.Values{"wish": {"start"}})
	app, err := page.Link("Zu Nect")
	if err != nil {
		t.Fatal(err)
	}
	page = open(t, v, app)
	submit("procedure", url.Values{"person": {typed[0].Answer}, "procedure": {"eid"}, "outcome": {"succeeded"}, "return": {"here"}, "level": {""}})
	for page.Title() == "Wir warten auf Nect" && t.Context().Err() == nil { // the page asks again by itself
		time.Sleep(time.Second)
		page = open(t, v, page.URL.String())
	}
	submit("password", password)
	submit("password", url.Values{"password": {typed[2].Answer}})
	if !strings.Contains(page.Text(), "Sie sind angemeldet") {
		t.Errorf("the way ends at %s with %s", page.URL.Path, page.Text())
	}
	if letters := open(t, visitor.New(), content.Home+"/letters").Text(); !strings.Contains(letters, "account_created") {
		t.Errorf("the letters are %s", letters)
	}
}
