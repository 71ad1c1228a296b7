// Package e2e_test plays the whole piece: the built binary, a real Keycloak,
// the demo WebCenter and a real Chromium. One Keycloak serves the whole run.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

// theatre is the play that all tests share, set by TestMain.
var theatre *play.Play

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	settings, err := settingsOfRun()
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "schleuse-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	settings.Dir, settings.Progress = dir, stage.Progress{Out: os.Stderr}
	settings.Logs = filepath.Join(dir, "logs")
	if err := os.Mkdir(settings.Logs, 0o700); err != nil {
		return 1, err
	}
	log, err := os.Create(filepath.Join(settings.Logs, "keycloak.log"))
	if err != nil {
		return 1, err
	}
	defer log.Close()
	settings.Log = log
	theatre, err = play.Set(ctx, settings)
	if err != nil {
		return 1, err
	}
	defer theatre.Close()
	return m.Run(), nil
}

// settingsOfRun takes the stage that runs already (test.sh starts one for all
// packages), else free ports and a Keycloak of its own.
func settingsOfRun() (play.Settings, error) {
	settings := play.Settings{Binary: os.Getenv(stage.BinaryVariable)}
	var err error
	if settings.Keycloak, settings.Ports, err = stage.Running(); err == nil && settings.Keycloak == nil {
		settings.Ports, err = stage.FreePorts()
	}
	return settings, err
}
