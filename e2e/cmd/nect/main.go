// Command nect plays the identification service Nect on a loopback port, see
// package e2e/nect. Its first page has a switch for every failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/schleuse/schleuse/e2e/nect"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "nect:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var s nect.Settings
	flag.StringVar(&s.Addr, "listen", "127.0.0.1:18016", "where to listen")
	flag.StringVar(&s.URL, "url", "http://nect.localhost:18016", "as browsers see it")
	flag.StringVar(&s.APIKey, "key", "nect-demo-key", "what callers must send as X-Api-Key")
	flag.StringVar(&s.Members, "members", "", "file of master data whose people the app offers")
	flag.StringVar(&s.CallbackKey, "callback-key", "", "sent as X-Api-Key with callbacks")
	flag.Parse()
	if _, err := nect.Start(ctx, s); err != nil {
		return err
	}
	fmt.Println("nect:", s.URL)
	<-ctx.Done()
	return nil
}
