package stage

import (
	"fmt"
	"os"
	"strconv"
)

// Variables by which a running stage is handed on to the tests that play on it.
const (
	StageVariable  = "SCHLEUSE_STAGE"     // first port of its block
	LogVariable    = "SCHLEUSE_STAGE_LOG" // file that takes Keycloak's log; may be unset
	BinaryVariable = "SCHLEUSE_BINARY"    // a built schleuse; may be unset
)

// Running is the stage that `go run ./e2e/cmd/stage` has started and
// SCHLEUSE_STAGE names; its Keycloak is nil where the variable is not set. Stop
// leaves such a Keycloak running.
func Running() (*Keycloak, Ports, error) {
	text := os.Getenv(StageVariable)
	if text == "" {
		return nil, Ports{}, nil
	}
	base, err := strconv.Atoi(text)
	if err != nil {
		return nil, Ports{}, fmt.Errorf("%s: %w", StageVariable, err)
	}
	ports := PortsFrom(base)
	return &Keycloak{URL: ports.KeycloakURL(), Admin: &Admin{URL: ports.KeycloakURL(), Realm: Realm}}, ports, nil
}
