package approvalstest

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
	"github.com/schleuse/schleuse/sidecar/internal/relying/relyingtest"
)

// Secret is the backend's secret at TokenURL.
const Secret = "of the backend"

// World is a running API.
type World struct {
	*approvaltest.World
	Issuer   *relyingtest.Issuer
	URL      string // of the API
	TokenURL string // of the realm: client credentials

	stop sync.Once
	done chan struct{}
}

// New starts the API; it ends with the test. change may change what the API is
// made of before it starts.
func New(t testing.TB, change ...func(*approvals.Face)) *World {
	t.Helper()
	w := &World{World: approvaltest.NewWorld(), done: make(chan struct{})}
	w.Issuer = relyingtest.NewIssuer(t, w.Clock)
	transport := relyingtest.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewUnstartedServer(nil)
	face := &approvals.Face{
		Service: &w.Service, Host: server.Listener.Addr().String(), Stopping: w.done,
		Bearer: &api.Bearer{
			Issuer: w.Issuer.URL, Audience: "schleuse", Role: approvals.Role, Now: w.Clock,
			Keys: api.RemoteKeys(w.Issuer.URL+"/certs", transport, w.Clock),
		},
		Log: slog.New(slog.DiscardHandler), Now: w.Clock,
	}
	for _, c := range change {
		c(face)
	}
	mux := http.NewServeMux()
	mux.Handle("/schleuse/", face.Handler())
	mux.HandleFunc("POST /realms/kasse/protocol/openid-connect/token", w.token)
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(w.Stop)
	w.URL = server.URL + approvals.Prefix
	w.ReceiptIssuer = w.URL
	w.TokenURL = server.URL + "/realms/kasse/protocol/openid-connect/token"
	return w
}

// Stop says that the program begins to stop.
func (w *World) Stop() { w.stop.Do(func() { close(w.done) }) }

// Token returns an access token of the backend with these claims changed; nil
// takes one away.
func (w *World) Token(changes map[string]any) string {
	claims := map[string]any{
		"iss": w.Issuer.URL, "aud": "schleuse", "azp": approvaltest.Backend, "sub": "service-account-backend", "typ": "Bearer",
		"iat": w.Clock().Unix(), "exp": w.Clock().Add(5 * time.Minute).Unix(),
		"realm_access": map[string]any{"roles": []string{approvals.Role}},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return w.Issuer.Sign("JWT", claims)
}

// token is the realm's token endpoint, for client credentials.
func (w *World) token(rw http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if secret == "of+the+backend" { // RFC 6749 section 2.3.1 has it form-encoded
		secret = Secret
	}
	if id != approvaltest.Backend || secret != Secret || r.PostFormValue("grant_type") != "client_credentials" {
		http.Error(rw, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(map[string]any{"access_token": w.Token(nil), "token_type": "Bearer", "expires_in": 300})
}
