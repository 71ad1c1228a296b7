// Package e2e_test plays the whole piece: the built binary, a real Keycloak,
// the demo WebCenter and a real Chromium. One Keycloak serves the whole run.
package e2e_test

import (
	"context"
	"fmt"
	"os"
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
	ports, err := stage.FreePorts()
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "schleuse-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	theatre, err = play.Set(ctx, play.Settings{Ports: ports, Dir: dir, Progress: stage.Progress{Out: os.Stderr}})
	if err != nil {
		return 1, err
	}
	defer theatre.Close()
	return m.Run(), nil
}
