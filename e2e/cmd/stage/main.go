// Command stage starts only the stage's Keycloak.
//
// Alone it prints where that is as JSON and runs until it is interrupted. With a
// command behind it (stage go test ./e2e/...) it takes free ports, builds
// schleuse, runs the command with the stage in its environment, and ends with
// the command's own exit code.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := 0, error(nil)
	if len(os.Args) > 1 {
		code, err = during(ctx)
	} else {
		err = alone(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		code = 1
	}
	os.Exit(code)
}

// spec of the Keycloak that all tests share.
func spec(ports stage.Ports) stage.KeycloakSpec {
	return stage.KeycloakSpec{Ports: ports, Arguments: []string{
		// Where the attacks' authentication device for CIBA listens.
		"--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri=" + stage.Loopback(ports.Home()) + "/ciba",
	}}
}

// during runs the command of the arguments on a stage of its own and returns
// its exit code.
func during(ctx context.Context) (int, error) {
	ports, err := stage.FreePorts()
	if err != nil {
		return 0, err
	}
	progress := stage.Progress{Out: os.Stderr}
	cache, err := stage.OpenCache(progress)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "schleuse-stage-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	log, err := os.Create(filepath.Join(dir, traces.KeycloakLog))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	binary := filepath.Join(dir, "schleuse")
	if err := play.Build(ctx, progress, binary); err != nil {
		return 0, err
	}
	shared := spec(ports)
	shared.Log = log
	keycloak, err := cache.StartKeycloak(ctx, shared)
	if err != nil {
		return 0, err
	}
	defer keycloak.Stop()
	return run(ctx,
		fmt.Sprintf("%s=%d", stage.StageVariable, ports.Gate()), stage.LogVariable+"="+log.Name(), stage.BinaryVariable+"="+binary)
}

// run runs the command of the arguments with more variables in its environment.
func run(ctx context.Context, environment ...string) (int, error) {
	command := exec.CommandContext(ctx, os.Args[1], os.Args[2:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), environment...)
	err := command.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func alone(ctx context.Context) error {
	ports, err := stage.PortsFromEnvironment()
	if err != nil {
		return err
	}
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		return err
	}
	shared := spec(ports)
	shared.Log = os.Stderr
	keycloak, err := cache.StartKeycloak(ctx, shared)
	if err != nil {
		return err
	}
	defer keycloak.Stop()
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	err = out.Encode(map[string]any{
		"gate": ports.GateURL(), "keycloak": keycloak.URL, "management": stage.Loopback(ports.Management()),
		"realm": stage.Realm, "admin": map[string]string{"username": stage.AdminName, "password": stage.AdminPassword},
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-keycloak.Done():
		return errors.New("the server ended by itself")
	}
}
