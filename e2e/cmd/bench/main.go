// Command bench measures the gate's pass-through and the site's proxy beside a
// bare httputil.ReverseProxy, the time to readiness and the idle memory, then
// approvals beside bare commits, calls that wait, and what every call to the
// APIs pays, and prints the tables. It needs about ten minutes; `approvals`
// measures the second half alone, without a Keycloak, and `approvals short`
// only sees that it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"github.com/schleuse/schleuse/e2e/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run is the measurement; with arguments it is a part of it, or one of the
// servers beside it.
func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		if err := measure(ctx, bench.Load{Concurrency: 64, Requests: 10_000, Rounds: 9}); err != nil {
			return err
		}
		fmt.Println()
		return measureApprovals(ctx, false)
	}
	name, rest := arguments[0], arguments[1:]
	switch {
	case name == "approvals" && len(rest) <= 1:
		return measureApprovals(ctx, slices.Contains(rest, "short"))
	case name == "upstream" && len(rest) == 1:
		return upstream(ctx, rest[0])
	case name == "bare" && len(rest) == 2:
		return bare(ctx, rest[0], rest[1])
	case name == "requests" && len(rest) == 1:
		return few(ctx, rest[0])
	}
	return errors.New("want no arguments, or: approvals [short], requests N, upstream ADDRESS, bare ADDRESS UPSTREAM")
}

// few measures gate and proxy with fewer requests.
func few(ctx context.Context, number string) error {
	requests, err := strconv.Atoi(number)
	if err != nil || requests < 100 {
		return errors.New("want a number of requests from 100 upwards")
	}
	return measure(ctx, bench.Load{Concurrency: 64, Requests: requests, Rounds: 3})
}
