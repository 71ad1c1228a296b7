package e2e_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/schleuse/schleuse/e2e/stage"
)

// TestAccountsOnRealKeycloak runs the adapter's own test, which may look inside,
// against this run's Keycloak.
func TestAccountsOnRealKeycloak(t *testing.T) {
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-tags", "realkeycloak", "-run", "^TestRealKeycloak$", "-v", "./sidecar/internal/keycloak")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "SCHLEUSE_KEYCLOAK="+theatre.Keycloak.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
