package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/schleuse/schleuse/sidecar/client"
)

// Client is the app's id in the realm; Audience is what its access tokens name
// for the insurer's APIs, which only people get who were identified.
const (
	Client   = "kundenapp"
	Audience = "kasse-apis"
)

// Approvals is what the backend needs of the Approvals API; *client.Client is one.
type Approvals interface {
	Ask(context.Context, client.Question) (client.Approval, error)
	Wait(ctx context.Context, id string) (client.Approval, error)
	Redeem(context.Context, client.Expected) (client.Receipt, error)
}

// Settings are what an operator would set.
type Settings struct {
	URL     string // of the app itself, such as https://app.kasse.example; no slash at the end
	Issuer  string // of the realm, as browsers see it
	Base    string // of the Device API
	Devices string // page of the person's phones at the gate; "": none

	HTTP      *http.Client // finds the realm's keys; nil: http.DefaultClient
	Approvals Approvals    // asks people on their phones; nil: no change is possible
	Journal   string       // file that each executed change is appended to; "": none is kept
	Now       func() time.Time
}

// backend is the running app.
type backend struct {
	Settings
	tokens *oidc.IDTokenVerifier
	proofs proofs

	mu      sync.Mutex
	changes map[string]*change
	records map[string]address // by `sub`
}

// New returns the app with its backend.
func New(settings Settings) (http.Handler, error) {
	if settings.Now == nil {
		settings.Now = time.Now
	}
	if settings.HTTP == nil {
		settings.HTTP = http.DefaultClient
	}
	b := &backend{Settings: settings, changes: map[string]*change{}, records: map[string]address{}}
	b.proofs.taken = map[string]time.Time{}
	b.tokens = b.verifier()
	mux := http.NewServeMux()
	if err := b.static(mux); err != nil {
		return nil, fmt.Errorf("serving the app: %w", err)
	}
	b.api(mux)
	return b.guarded(mux)
}
