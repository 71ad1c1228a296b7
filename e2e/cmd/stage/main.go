// Command stage starts only the stage's Keycloak, prints where it is as JSON
// and runs until it is interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/schleuse/schleuse/e2e/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ports, err := stage.PortsFromEnvironment()
	if err != nil {
		return err
	}
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		return err
	}
	keycloak, err := cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: ports, Log: os.Stderr, Arguments: []string{
		// Where the attacks' authentication device for CIBA listens.
		"--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri=" + stage.Loopback(ports.Home()) + "/ciba",
	}})
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
