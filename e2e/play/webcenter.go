package play

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/webcenter"
	"github.com/schleuse/schleuse/sidecar/client"
)

// JournalFile is where the play's WebCenter writes down what it has executed,
// in the play's folder.
const JournalFile = "webcenter.journal"

// tokenTime bounds the backend's calls for its own access token.
const tokenTime = 10 * time.Second

// WebCenter is the web app of the stage. Its backend goes to the gate by way,
// and has its journal in this file.
func (p *Play) WebCenter(way http.RoundTripper, journal string) http.Handler {
	return p.Noting(webcenter.New(webcenter.Settings{
		SignOut: "/schleuse/logout", Devices: p.Ports.GateURL() + "/schleuse/my/devices", Register: p.Ports.AppURL() + "/", Journal: journal, Approvals: p.approvals(way),
	}))
}

// approvals asks people in the name of the insurer's backend.
func (p *Play) approvals(way http.RoundTripper) *client.Client {
	gate := p.Ports.GateURL()
	credentials := clientcredentials.Config{
		ClientID: "backend", ClientSecret: stage.BackendSecret,
		TokenURL: gate + "/realms/" + stage.Realm + "/protocol/openid-connect/token",
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: way, Timeout: tokenTime})
	backend := &http.Client{Transport: &oauth2.Transport{Source: credentials.TokenSource(ctx), Base: way}}
	return &client.Client{URL: gate + "/schleuse/approvals/v1", ID: "backend", HTTP: backend}
}
