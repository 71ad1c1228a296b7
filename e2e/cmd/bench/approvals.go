package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/schleuse/schleuse/e2e/bench"
	"github.com/schleuse/schleuse/e2e/stage"
)

// confirming measures approvals and prints their tables. The benchmarks stand
// beside what they measure, where alone they may; here they are run and read.
type confirming struct {
	root, dir string
	short     bool // sees that all of it runs; its figures are worth nothing
}

func measureApprovals(ctx context.Context, short bool) error {
	root, err := stage.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "schleuse-bench-approvals-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := confirming{root: root, dir: dir, short: short}
	fmt.Fprintln(os.Stderr, "bench: building what measures approvals …")
	if _, err := c.tool(ctx, "go", "test", "-c", "-o", c.program(), "./sidecar/internal/bench"); err != nil {
		return err
	}
	for _, table := range []func(context.Context) error{c.steps, c.waiting, c.calls} {
		if err := table(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c confirming) program() string { return filepath.Join(c.dir, "bench.test") }

// tool runs a command in the tree and returns what it printed.
func (c confirming) tool(ctx context.Context, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir, command.Stderr = c.root, os.Stderr
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, printed)
	}
	return string(printed), nil
}

// benchmark runs benchmarks in a process of their own.
func (c confirming) benchmark(ctx context.Context, pattern, time string) (map[string]bench.Figures, error) {
	arguments := []string{"-test.run", "^$", "-test.bench", pattern, "-test.benchtime", time, "-test.timeout", "30m"}
	if c.short {
		arguments = append(arguments, "-test.short")
	}
	printed, err := c.tool(ctx, c.program(), arguments...)
	if err != nil {
		return nil, err
	}
	return bench.ReadFigures(printed)
}

// steps prints what the two databases take of each step.
func (c confirming) steps(ctx context.Context) error {
	rounds, each := 9, 1000
	if c.short {
		rounds, each = 2, 48
	}
	fmt.Fprintln(os.Stderr, "bench: asking, approving and redeeming …")
	all, err := c.benchmark(ctx, "^BenchmarkApprovals$", fmt.Sprintf("%dx", rounds))
	if err != nil {
		return err
	}
	password, err := c.benchmark(ctx, "^BenchmarkPassword$", "1s")
	if err != nil {
		return err
	}
	hash, err := bench.Of(password, "Password", "ns/op")
	if err != nil {
		return err
	}
	var rows []bench.Step
	for _, database := range []struct{ key, name string }{{"sqlite", "SQLite"}, {"postgres", "PostgreSQL"}} {
		more, err := stepsOf(all, database.key, database.name)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	_, err = fmt.Printf("Approvals: 16 at once, %d rounds of %d people, each step for all of them in turn.\n\n%s\n"+
		"The hash of the device password (Argon2id, 19 MiB) is not in “approve”: it takes %.1f ms of a processor beside it.\n\n",
		rounds, each, bench.StepTable(rows), hash["ns/op"]/1e6)
	return err
}

// stepsOf are the lines of one database.
func stepsOf(all map[string]bench.Figures, key, name string) ([]bench.Step, error) {
	var rows []bench.Step
	for _, step := range []struct{ key, what, aim string }{
		{"bare", "bare commits", ""},
		{"control", "bare commits after the steps against before (control)", ""},
		{"create", "create", "≥ 0.40"},
		{"open", "hand the request out to the phone", "≥ 0.40"},
		{"approve", "approve", "≥ 0.40"},
		{"redeem", "redeem", "≥ 0.40"},
	} {
		f, err := bench.Of(all, "Approvals/"+key, step.key+"/s", step.key+"-min", step.key+"-share", step.key+"-max")
		if err != nil {
			return nil, err
		}
		rows = append(rows, bench.Step{
			What: name + ": " + step.what, PerSecond: f[step.key+"/s"], Aim: step.aim,
			Share: bench.Ratio{Min: f[step.key+"-min"], Median: f[step.key+"-share"], Max: f[step.key+"-max"]},
		})
	}
	return rows, nil
}

// waiting prints what calls that wait take, each kind in a process of its own.
func (c confirming) waiting(ctx context.Context) error {
	numbers := []int{1000, 5000}
	if c.short {
		numbers = numbers[:1]
	}
	fmt.Fprintln(os.Stderr, "bench: waiting …")
	fmt.Print("| calls that wait in one process | KiB resident each |\n|---|---|\n")
	for _, n := range numbers {
		for _, kind := range []struct{ key, name string }{
			{"bare", "a handler of net/http that waits (control)"},
			{"approvals", "backends at an approval"},
			{"inbox", "phones at their inbox"},
		} {
			all, err := c.benchmark(ctx, fmt.Sprintf("^BenchmarkWaiting$/^%s$/^%d$", kind.key, n), "1x")
			if err != nil {
				return err
			}
			f, err := bench.Of(all, fmt.Sprintf("Waiting/%s/%d", kind.key, n), "KiB-each")
			if err != nil {
				return err
			}
			fmt.Printf("| %d: %s | %.1f |\n", n, kind.name, f["KiB-each"])
		}
	}
	fmt.Println()
	return nil
}

// calls prints what every call pays before it is looked at.
func (c confirming) calls(ctx context.Context) error {
	time := "2s"
	if c.short {
		time = "100x"
	}
	fmt.Fprintln(os.Stderr, "bench: tokens, proofs and problems …")
	printed, err := c.tool(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Bearer|Proof|Problem)$", "-benchtime", time,
		"./sidecar/internal/api", "./sidecar/internal/api/devices")
	if err != nil {
		return err
	}
	all, err := bench.ReadFigures(printed)
	if err != nil {
		return err
	}
	fmt.Print("| each call | µs | bytes | allocations |\n|---|---|---|---|\n")
	for _, call := range []struct{ key, name string }{
		{"Bearer", "a backend's bearer token"}, {"Proof", "a phone's DPoP proof"}, {"Problem", "a refusal"},
	} {
		f, err := bench.Of(all, call.key, "ns/op", "B/op", "allocs/op")
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.0f | %.0f | %.0f |\n", call.name, f["ns/op"]/1e3, f["B/op"], f["allocs/op"])
	}
	return nil
}
