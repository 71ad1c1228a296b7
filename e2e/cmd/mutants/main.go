// Command mutants takes each rule of the gate out, in a copy that only the
// compiler sees, and expects the tests to notice. A rule whose removal leaves
// everything green is a rule that nobody holds.
//
// The rules stand in e2e/mutants.json: a name, a file, the text that is the
// rule, what stands there without it, and the package whose tests must fail.
// With arguments it does only those whose name contains one of them, with -from
// those from the first whose name contains that: a run that was broken off goes
// on there.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
)

// Mutant is a rule and its absence.
type Mutant struct {
	Rule    string `json:"rule"`
	File    string `json:"file"`
	Old     string `json:"old"` // stands in the file exactly once
	New     string `json:"new"`
	Package string `json:"package"`
}

// testPatience bounds the tests of one mutant; one that hangs is noticed too.
const testPatience = 3 * time.Minute

func main() {
	from := flag.String("from", "", "begin at the first rule whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *from, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, from string, only []string) error {
	root, err := stage.Root()
	if err != nil {
		return err
	}
	mutants, err := read(filepath.Join(root, "e2e", "mutants.json"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "schleuse-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	mutants = chosen(mutants, from, only)
	if err := allGreen(ctx, root, mutants); err != nil {
		return err
	}
	var alive []string
	for _, mutant := range mutants {
		noticed, err := try(ctx, root, work, mutant)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Println("UNTRIED  ", mutant.Rule, "–", err)
			alive = append(alive, mutant.Rule)
		case noticed:
			fmt.Println("noticed  ", mutant.Rule)
		default:
			fmt.Println("UNNOTICED", mutant.Rule)
			alive = append(alive, mutant.Rule)
		}
	}
	if len(alive) > 0 {
		return fmt.Errorf("%d rules may be removed and no test fails, or could not be: %s", len(alive), strings.Join(alive, "; "))
	}
	return nil
}

// chosen are those from the first whose name contains from, and of those the
// ones whose name contains one of the words; no words are all.
func chosen(mutants []Mutant, from string, words []string) []Mutant {
	begun := false
	return slices.DeleteFunc(mutants, func(m Mutant) bool {
		begun = begun || strings.Contains(m.Rule, from)
		wanted := len(words) == 0 || slices.ContainsFunc(words, func(word string) bool { return strings.Contains(m.Rule, word) })
		return !begun || !wanted
	})
}

// allGreen demands that the tests pass with every rule in place: else their
// failing would say nothing.
func allGreen(ctx context.Context, root string, mutants []Mutant) error {
	var packages []string
	for _, mutant := range mutants {
		if !slices.Contains(packages, mutant.Package) {
			packages = append(packages, mutant.Package)
		}
	}
	out, err := goTool(ctx, root, append([]string{"test", "-count=1"}, packages...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the tests fail with all rules in place: %w\n%s", err, out)
	}
	return nil
}

func read(file string) ([]Mutant, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var mutants []Mutant
	if err := decoder.Decode(&mutants); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(mutants) == 0 {
		return nil, fmt.Errorf("%s names no rule", file)
	}
	return mutants, nil
}

// try runs the tests without the rule and says whether they noticed.
func try(ctx context.Context, root, work string, mutant Mutant) (noticed bool, err error) {
	overlay, err := without(root, work, mutant)
	if err != nil {
		return false, err
	}
	if out, err := goTool(ctx, root, "vet", "-overlay", overlay, mutant.Package).CombinedOutput(); err != nil {
		return false, fmt.Errorf("does not compile without it: %w\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	err = goTool(ctx, root, "test", "-overlay", overlay, "-count=1", mutant.Package).Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && ctx.Err() == nil {
		return false, err
	}
	return err != nil, nil
}

// without writes the changed copy and tells the compiler to read it instead.
func without(root, work string, mutant Mutant) (overlay string, err error) {
	original := filepath.Join(root, mutant.File)
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), mutant.Old); n != 1 {
		return "", fmt.Errorf("%s has the rule's text %d times, want once", mutant.File, n)
	}
	copied := filepath.Join(work, filepath.Base(mutant.File))
	if err := os.WriteFile(copied, []byte(strings.Replace(string(text), mutant.Old, mutant.New, 1)), 0o600); err != nil {
		return "", err
	}
	encoded, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(work, "overlay.json")
	return overlay, os.WriteFile(overlay, encoded, 0o600)
}

func goTool(ctx context.Context, root string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = root
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
