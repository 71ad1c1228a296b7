package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/stage"
)

// earlier builds the program with a clock that is behind by this many hours.
// The product has no switch for that, so the one place where it reads its clock
// is built from another text.
func earlier(t *testing.T, hours string) string {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	file, dir := filepath.Join(root, "sidecar", "command", "main.go"), t.TempDir()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const clock = "now: time.Now,"
	if strings.Count(string(text), clock) != 1 {
		t.Fatalf("%s does not set the clock in one place", file)
	}
	behind := "now: func() time.Time { return time.Now().Add(-" + hours + " * time.Hour) },"
	other := filepath.Join(dir, "main.go")
	if err := os.WriteFile(other, []byte(strings.Replace(string(text), clock, behind, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: other}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "schleuse")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./sidecar/cmd/schleuse")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestALetterAWeekLater: letters are ordered by a program whose clock is behind,
// and typed after it was started again with the right one.
func TestALetterAWeekLater(t *testing.T) {
	openAnnexe(t) // it has the mailbox
	for name, c := range map[string]struct{ hours, says string }{
		"a week":     {"168", askNew},
		"two months": {"1464", "abgelaufen"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMortalRegistry(t)
			m.Stop()
			then := *theatre
			then.Binary = earlier(t, c.hours)
			m.on = &then
			m.rise()
			n := m.sets(t, ways[0])
			m.Stop()

			m.on = theatre
			m.rise()
			n.browser = m.visitor() // at another machine
			page, err := n.toTheCode(t.Context())
			if err == nil {
				page, err = n.fill(t.Context(), page, "code", n.code)
			}
			if err != nil || !strings.Contains(page.Text(), c.says) {
				t.Fatalf("after %s: %v, %s", name, err, page.Text())
			}
			if c.says != askNew {
				return
			}
			n.last, n.form = page.URL.String(), nil
			if err := n.walk(t.Context()); err != nil {
				t.Error(err)
			}
			whole(t, n.person, true)
		})
	}
}
