package command_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/schleuse/schleuse/sidecar/command"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// settings are those of the test's own extension.
type settings struct {
	Tries int    `yaml:"tries"`
	List  string `yaml:"list"`
}

// Files names the list.
func (s settings) Files() []string { return []string{s.List} }

// Read demands that somebody stands on the list.
func (s settings) Read() error {
	if s.List == "" {
		return nil
	}
	raw, err := os.ReadFile(s.List)
	if err == nil && len(raw) == 0 {
		err = errors.New("nobody stands on the list")
	}
	return err
}

// Validate demands at least one try.
func (s settings) Validate() error {
	if s.Tries < 1 {
		return errors.New("tries: want at least 1")
	}
	return nil
}

// Warnings has doubts about many tries.
func (s settings) Warnings() []string {
	if s.Tries > 100 {
		return []string{"tries: more than anybody needs"}
	}
	return nil
}

func door(kind string, place flow.Place) extension.Factory {
	f := extension.Define(kind, func() settings { return settings{Tries: 3} },
		func(context.Context, extension.Host, settings) (extension.Parts, error) {
			return extension.Parts{}, nil
		})
	f.Place = place
	return f
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"schleuse":       func() { command.Main(door("door", flow.InFront), door("knock", flow.Behind)) },
		"schleuse-other": func() { command.MainAs("4711", "other", door("door", flow.InFront), door("knock", flow.Behind)) },
		"asked":          asked,
		"live":           live,
		"summary":        summary,
	})
}

func TestScripts(t *testing.T) {
	keycloak := httptest.NewServer(http.HandlerFunc(admin))
	t.Cleanup(keycloak.Close) // after the scripts, which run in parallel
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("KEYCLOAK", keycloak.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "killed": killed},
	})
}

// exits runs a program and demands an exit code: exits 2 schleuse …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
