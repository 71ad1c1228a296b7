// Command mutants takes each rule of the gate out, one at a time, and expects
// the tests to notice. The tree stays as it is: the compiler is given a
// changed copy of the files (go build -overlay).
//
// Each mutant is built and attacked by the tests of e2e/attack in front of one
// real Keycloak; what needs the clock is left to the gate's own tests. The
// quick ones, which a package's own tests notice, are e2e/cmd/mutants'.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	only := flag.String("only", "", "only mutants whose name contains this")
	from := flag.String("from", "", "begin at the first mutant whose name contains this")
	check := flag.Bool("check", false, "only look whether every change still applies and compiles")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	wrong, err := run(ctx, choice{from: *from, only: *only}, *check)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if wrong > 0 {
		fmt.Fprintf(os.Stderr, "mutants: %d are not as they should be\n", wrong)
		os.Exit(1)
	}
}

// choice is which mutants to try; the zero choice is all of them.
type choice struct{ from, only string }

func (c choice) of(all []mutant) []mutant {
	begun := false
	return slices.DeleteFunc(all, func(m mutant) bool {
		begun = begun || strings.Contains(m.name, c.from)
		return !begun || !strings.Contains(m.name, c.only)
	})
}

// run kills the mutants one after another and counts those that live, or
// cannot be made any more.
func run(ctx context.Context, choice choice, check bool) (wrong int, err error) {
	lab, err := openLab(ctx, check)
	if err != nil {
		return 0, err
	}
	defer lab.close()
	chosen := choice.of(mutants())
	if !check {
		if err := lab.healthy(ctx, chosen); err != nil {
			return 0, err
		}
	}
	for _, m := range chosen {
		began := time.Now()
		verdict, err := lab.examine(ctx, m, check)
		if ctx.Err() != nil {
			return wrong, ctx.Err()
		}
		mark := "ok  "
		if err != nil {
			wrong++
			mark, verdict = "FAIL", err.Error()
		}
		fmt.Printf("%s %-62s %6s  %s\n", mark, m.name, time.Since(began).Round(time.Second), verdict)
	}
	return wrong, nil
}
