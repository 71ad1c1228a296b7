package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
)

// patience bounds one examination; a healthy run of one rule takes seconds.
const patience = 5 * time.Minute

// gatePackages are the gate's own tests.
const gatePackages = "./sidecar/internal/gate/..."

// lab is where mutants are made and examined.
type lab struct {
	root, dir string
	base      int // port block of the stage
	keycloak  *stage.Keycloak
	attack    string // compiled tests of e2e/attack
}

// openLab starts Keycloak and compiles the attacks. SCHLEUSE_STAGE names
// the port block of a stage that runs already.
func openLab(ctx context.Context, check bool) (*lab, error) {
	root, err := stage.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "schleuse-mutants-")
	if err != nil {
		return nil, err
	}
	l := &lab{root: root, dir: dir, attack: filepath.Join(dir, "attack.test")}
	if check {
		return l, nil
	}
	if out, err := l.goTool(ctx, "test", "-c", "-o", l.attack, "./e2e/attack"); err != nil {
		l.close()
		return nil, fmt.Errorf("compiling the attacks: %w\n%s", err, out)
	}
	if err := l.openStage(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) openStage(ctx context.Context) error {
	if base, err := strconv.Atoi(os.Getenv("SCHLEUSE_STAGE")); err == nil {
		l.base = base
		return nil
	}
	ports, err := stage.FreePorts()
	if err != nil {
		return err
	}
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		return err
	}
	l.base = ports.Gate()
	l.keycloak, err = cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: ports, Arguments: []string{
		"--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri=" + stage.Loopback(ports.Home()) + "/ciba",
	}})
	return err
}

func (l *lab) close() {
	if l.keycloak != nil {
		l.keycloak.Stop()
	}
	os.RemoveAll(l.dir)
}

// healthy sees the attacks of these mutants fail to do anything to the program
// as it is: otherwise their failing later would say nothing.
func (l *lab) healthy(ctx context.Context, chosen []mutant) error {
	binary := filepath.Join(l.dir, "healthy")
	if out, err := l.goTool(ctx, "build", "-ldflags", "-s -w", "-o", binary, "./sidecar/cmd/schleuse"); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	var patterns []string
	for _, m := range chosen {
		if m.attack != "" {
			patterns = append(patterns, m.attack)
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	out, err := l.runAttack(ctx, binary, strings.Join(patterns, "|"))
	if err != nil {
		return fmt.Errorf("the attacks succeed against the program as it is: %w\n%s", err, failures(out))
	}
	fmt.Println("ok   the program as it is")
	return nil
}

// examine makes one mutant and lets the tests at it. The verdict names the
// first test that noticed.
func (l *lab) examine(ctx context.Context, m mutant, check bool) (verdict string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	overlay, err := l.overlay(m)
	if err != nil {
		return "", err
	}
	if check {
		if out, err := l.goTool(ctx, "build", "-overlay", overlay, gatePackages); err != nil {
			return "", fmt.Errorf("does not compile: %s", firstLine(out))
		}
		return "applies", nil
	}
	out, err := l.attackMutant(ctx, m, overlay)
	found := failures(out)
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", errors.New("lives: no test noticed")
	case !errors.As(err, &failed) || found == "":
		return "", fmt.Errorf("not examined: %w: %s", err, firstLine(out))
	}
	return "red by " + firstLine(found), nil
}

// attackMutant lets the tests at the mutant and returns what they say.
func (l *lab) attackMutant(ctx context.Context, m mutant, overlay string) (string, error) {
	if m.attack == "" {
		return l.goTool(ctx, "test", "-overlay", overlay, "-count=1", gatePackages)
	}
	binary := filepath.Join(l.dir, "mutant")
	if out, err := l.goTool(ctx, "build", "-overlay", overlay, "-ldflags", "-s -w", "-o", binary, "./sidecar/cmd/schleuse"); err != nil {
		return out, fmt.Errorf("compiling: %w", err)
	}
	return l.runAttack(ctx, binary, m.attack)
}

// overlay writes the changed copies and returns the file that tells the
// compiler of them.
func (l *lab) overlay(m mutant) (string, error) {
	changed := map[string]string{} // path in the tree → text
	for _, e := range m.edits {
		path := filepath.Join(l.root, filepath.FromSlash(e.file))
		text, ok := changed[path]
		if !ok {
			raw, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("does not apply: %s has the line %d times: %s", e.file, n, firstLine(strings.TrimSpace(e.old)))
		}
		changed[path] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := map[string]string{}
	for path, text := range changed {
		copied := filepath.Join(l.dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = copied
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.dir, "overlay.json")
	return file, os.WriteFile(file, raw, 0o600)
}

func (l *lab) goTool(ctx context.Context, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = l.root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (l *lab) runAttack(ctx context.Context, binary, pattern string) (string, error) {
	cmd := exec.CommandContext(ctx, l.attack, "-test.run", pattern, "-test.timeout", "15m")
	cmd.Dir = filepath.Join(l.root, "e2e", "attack")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SCHLEUSE_STAGE=%d", l.base), "SCHLEUSE_BINARY="+binary)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failures lists the tests that failed, one a line.
func failures(out string) string {
	var names []string
	for _, match := range failedTest.FindAllStringSubmatch(out, -1) {
		names = append(names, match[1])
	}
	return strings.Join(names, "\n")
}

func firstLine(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "nothing said"
}
