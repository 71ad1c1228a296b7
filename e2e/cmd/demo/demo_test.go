package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
	Home      string
	WebCenter string
	Journal   string // of the WebCenter
	Roles     []role
	People    []stage.Person
}

type role struct {
	Title, Start string
	Typed        []struct{ Question, Answer string }
}

// TestTheDemoFromStartToEnd does what a person does who tries it: start, open
// the home page, be those whom it offers with what stands there, end.
func TestTheDemoFromStartToEnd(t *testing.T) {
	ports, err := stage.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	command, output := start(t, ports)
	content := awaitContent(t, command, output)
	walkInChromium(t, content)
	live := open(t, visitor.New(), content.Home+"/live").Text()
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
