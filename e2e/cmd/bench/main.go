// Command bench measures the gate's pass-through and the site's proxy beside a
// bare httputil.ReverseProxy, the time to readiness and the idle memory, and
// prints the table. It needs about five minutes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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

// run is the measurement; with arguments it is one of the servers beside it.
func run(ctx context.Context, arguments []string) error {
	switch {
	case len(arguments) == 0:
		return measure(ctx, bench.Load{Concurrency: 64, Requests: 10_000, Rounds: 9})
	case len(arguments) == 2 && arguments[0] == "upstream":
		return upstream(ctx, arguments[1])
	case len(arguments) == 3 && arguments[0] == "bare":
		return bare(ctx, arguments[1], arguments[2])
	case len(arguments) == 2 && arguments[0] == "requests":
		requests, err := strconv.Atoi(arguments[1])
		if err != nil || requests < 100 {
			return errors.New("want a number of requests from 100 upwards")
		}
		return measure(ctx, bench.Load{Concurrency: 64, Requests: requests, Rounds: 3})
	}
	return errors.New("want no arguments, or: requests N, upstream ADDRESS, bare ADDRESS UPSTREAM")
}
