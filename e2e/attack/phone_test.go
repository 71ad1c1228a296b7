package attack_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// phone stands for the authentication device of CIBA: it remembers the bearer
// token of the last request and approves when it is told to.
type phone struct {
	mu     sync.Mutex
	bearer string
}

func (p *phone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bearer = r.Header.Get("Authorization")
	w.WriteHeader(http.StatusCreated)
}

// approve tells Keycloak, past the gate, that the person agreed.
func (p *phone) approve(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, _ := browser(here.Ports.Keycloak())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		realm()+"/protocol/openid-connect/ext/ciba/auth/callback", strings.NewReader(`{"status":"SUCCEED"}`))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", p.bearer)
	request.Header.Set("Content-Type", "application/json")
	response, err := v.HTTPClient().Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the callback was answered with %d", response.StatusCode)
	}
	return nil
}
