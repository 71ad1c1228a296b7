// Command device is a phone on the command line, see package e2e/device: it
// registers, reads and answers requests at a Device API.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/schleuse/schleuse/e2e/device/commandline"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := commandline.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
