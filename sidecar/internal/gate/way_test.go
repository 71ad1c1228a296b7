package gate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/account"
)

// TestFirstLoginIsHeldUntilTheStepIsPassed is the main way: number, password,
// held, digits, released, redeemed.
func TestFirstLoginIsHeldUntilTheStepIsPassed(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	login := b.typeNumber(authURL("app"), "A123456780").want(http.StatusOK).shows(`value="A123456780"`)

	heldAnswer := b.password(login, "whoever", "pw-a123456780")
	step := heldAnswer.location()
	if !strings.HasPrefix(step, "/schleuse/attempts/") {
		t.Fatalf("held login leads to %q", step)
	}
	if _, ok := b.cookies["KEYCLOAK_IDENTITY"]; ok || strings.Contains(heldAnswer.Body.String()+heldAnswer.Header().Get("Location"), "code=") {
		t.Fatal("a held login left")
	}
	page := b.get(step).want(http.StatusOK).shows("ask for digits")
	b.answer(page, "digits", "1111").want(http.StatusOK).shows("wrong")
	done := b.answer(page, "digits", "0042").location()
	if !strings.HasSuffix(done, "/done") {
		t.Fatalf("a right answer leads to %q", done)
	}
	if c := w.keycloak.people["a123456780"].clearance; c != account.Cleared {
		t.Fatalf("clearance %v", c)
	}
	b.get(done).want(http.StatusOK).shows(strings.TrimSuffix(done, "done") + "release")
	out := b.get(strings.TrimSuffix(done, "done") + "release").want(http.StatusFound)
	if codeOf(out) == "" || b.cookies["KEYCLOAK_IDENTITY"] == "" {
		t.Fatalf("released: %v", out.Header())
	}
	w.redeem(codeOf(out)).want(http.StatusOK).shows("access_token")
}
