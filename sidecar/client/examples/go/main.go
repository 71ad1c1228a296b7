// Command go has a change of address confirmed on the person's phone before it
// is executed. Usage: go run ./sidecar/client/examples/go KVNR OLD NEW, with SCHLEUSE_URL,
// TOKEN_URL, CLIENT_ID and CLIENT_SECRET_FILE in the environment.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/schleuse/schleuse/sidecar/client"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("not executed:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 4 {
		return errors.New("usage: KVNR OLD NEW")
	}
	kvnr, before, after := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	approvals, err := connect(ctx)
	if err != nil {
		return err
	}
	order, err := json.Marshal(map[string]string{"neu": after}) // the very bytes that will be executed
	if err != nil {
		return err
	}
	_, err = approvals.Confirm(ctx, client.Question{
		Subject: client.Subject{KVNR: kvnr},
		Action:  "adresse",
		Fields:  map[string]string{"alt": before, "neu": after},
		Content: client.HashOf(order),
	}, func(a client.Approval) { fmt.Println("code for the person:", a.MatchCode) })
	var refused *client.Refused
	if errors.As(err, &refused) {
		return errors.New(string(refused.Approval.State))
	}
	if err != nil {
		return err
	}
	fmt.Printf("executed: %s\n", order)
	return nil
}

func connect(ctx context.Context) (*client.Client, error) {
	secret, err := os.ReadFile(os.Getenv("CLIENT_SECRET_FILE")) //nolint:gosec // whoever runs the example names their own file
	if err != nil {
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	realm := clientcredentials.Config{
		ClientID: os.Getenv("CLIENT_ID"), ClientSecret: strings.TrimSpace(string(secret)), TokenURL: os.Getenv("TOKEN_URL"),
	}
	return &client.Client{URL: os.Getenv("SCHLEUSE_URL"), ID: realm.ClientID, HTTP: realm.Client(ctx)}, nil
}
