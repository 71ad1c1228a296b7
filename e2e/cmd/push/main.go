// Command push plays the services that wake phones, FCM and APNs, on loopback
// ports, see package e2e/push. It writes the keys that a sender needs, and says
// where the services are; their /control shows what arrived and switches faults.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schleuse/schleuse/e2e/push"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", ".", "where fcm.json, apns.p8 and apns-ca.pem are written")
	flag.Parse()
	r, err := push.Start(ctx, *dir, time.Now)
	if err != nil {
		return err
	}
	fmt.Printf("fcm: %s\napns: %s\n", r.FCMURL, r.APNsURL)
	<-ctx.Done()
	return nil
}
