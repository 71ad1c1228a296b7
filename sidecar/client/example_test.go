package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/client"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals/approvalstest"
)

// stage ends with the example.
type stage struct {
	testing.TB
	cleanups []func()
}

func (s *stage) Cleanup(f func())      { s.cleanups = append(s.cleanups, f) }
func (s *stage) Helper()               {}
func (s *stage) Fatal(args ...any)     { panic(fmt.Sprint(args...)) }
func (s *stage) TempDir() string       { return os.TempDir() }
func (s *stage) Logf(string, ...any)   {}
func (s *stage) Errorf(string, ...any) {}

func (s *stage) end() {
	for _, f := range s.cleanups {
		defer f()
	}
}

// phone is a person who says yes as soon as they are asked.
func phone(w *approvalstest.World, id string) {
	a, err := w.Store.Get(context.Background(), approval.ID(id))
	if err == nil {
		_, err = w.Confirm(context.Background(), a)
	}
	if err != nil {
		panic(err)
	}
}

func ExampleClient_Confirm() {
	s := &stage{}
	defer s.end()
	api := approvalstest.New(s)
	ctx := context.Background()

	realm := clientcredentials.Config{
		ClientID: "backend", ClientSecret: approvalstest.Secret, // of a file
		TokenURL: api.TokenURL,
	}
	approvals := &client.Client{URL: api.URL, ID: "backend", HTTP: realm.Client(ctx)}
	approvals.Now = api.Clock // leave it out

	order := []byte(`{"neu":"Am Deich 1, 26721 Emden"}`) // the bytes that will be executed
	receipt, err := approvals.Confirm(ctx, client.Question{
		Subject: client.Subject{KVNR: "A123456780"},
		Action:  "adresse",
		Fields:  map[string]string{"alt": "Am Siel 2, 26721 Emden", "neu": "Am Deich 1, 26721 Emden"},
		Content: client.HashOf(order),
	}, func(a client.Approval) {
		fmt.Println("digits to show to the person:", len(a.MatchCode))
		phone(api, a.ID)
	})
	var refused *client.Refused
	switch {
	case errors.As(err, &refused):
		fmt.Println("not executed:", refused.Approval.State)
		return
	case err != nil:
		fmt.Println("not executed:", err)
		return
	}
	fmt.Println("executing", receipt.Action, "for", receipt.Subject)
	// Output:
	// digits to show to the person: 3
	// executing adresse for erika-1
}

func ExampleClient_Ask() {
	s := &stage{}
	defer s.end()
	api := approvalstest.New(s)
	ctx := context.Background()
	realm := clientcredentials.Config{ClientID: "backend", ClientSecret: approvalstest.Secret, TokenURL: api.TokenURL}
	approvals := &client.Client{URL: api.URL, ID: "backend", HTTP: realm.Client(ctx)}

	_, err := approvals.Ask(ctx, client.Question{
		Subject: client.Subject{KVNR: "A123456780"},
		Action:  "adresse",
		Fields:  map[string]string{"neu": "Am Deich 1, 26721 Emden"},
		Content: client.HashOf([]byte("the bytes")),
	})
	var p *client.Problem
	if errors.As(err, &p) {
		fmt.Println(p.Name)
		for _, m := range p.Errors {
			fmt.Println(m.Pointer, m.Detail)
		}
	}
	// Output:
	// invalid
	// /fields/alt is missing
}

// A webhook is a hint: its signature is checked, and then the approval is read.
func ExampleClient_Read_webhook() {
	s := &stage{}
	defer s.end()
	api := approvalstest.New(s)
	ctx := context.Background()
	realm := clientcredentials.Config{ClientID: "backend", ClientSecret: approvalstest.Secret, TokenURL: api.TokenURL}
	approvals := &client.Client{URL: api.URL, ID: "backend", HTTP: realm.Client(ctx)}
	hook, err := standardwebhooks.NewWebhook("whsec_b2YgdHdlbnR5LWZvdXIgYnl0ZXMgYXQgbGVhc3Q=")
	if err != nil {
		panic(err)
	}

	heard := func(body []byte, h http.Header) {
		var event client.Event
		if err := hook.Verify(body, h); err != nil {
			fmt.Println("not from Schleuse:", err)
			return
		}
		if err := event.Read(body); err != nil {
			fmt.Println(err)
			return
		}
		a, err := approvals.Read(ctx, event.ID)
		fmt.Println(event.State, a.State, err)
	}
	a, err := approvals.Ask(ctx, client.Question{
		Subject: client.Subject{KVNR: "A123456780"}, Action: "adresse", Content: client.HashOf([]byte("the bytes")),
		Fields: map[string]string{"alt": "Am Siel 2, 26721 Emden", "neu": "Am Deich 1, 26721 Emden"},
	})
	if err != nil {
		panic(err)
	}
	phone(api, a.ID)
	body := fmt.Appendf(nil, `{"type":"approval.approved","data":{"id":%q,"state":"approved"}}`, a.ID)
	signature, err := hook.Sign("msg_1", time.Now(), body) // by Schleuse
	if err != nil {
		panic(err)
	}
	header := http.Header{}
	header.Set("webhook-id", "msg_1")
	header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	header.Set("webhook-signature", signature)
	heard(body, header)
	header.Del("webhook-signature")
	heard(body, header)
	// Output:
	// approved approved <nil>
	// not from Schleuse: unable to verify payload, err: missing required headers
}
