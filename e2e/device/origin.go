package device

import (
	"context"
	"net/http"
)

// Origin is what the app sends to its own backend with a change that was begun
// on this phone (PROTOCOL §7.11).
func (p *Phone) Origin(ctx context.Context) (string, error) {
	var told struct{ Origin string }
	err := p.Do(ctx, Call{Method: http.MethodPost, Path: "/self/origin", Opened: true, Body: struct{}{}, Into: &told})
	return told.Origin, err
}
