package api_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// BenchmarkBearer is what every call of a backend pays before it is looked at:
// the token's signature (ES256) and claims. The issuer's keys are known.
func BenchmarkBearer(b *testing.B) {
	r := newRealm(b)
	raw := r.Sign("JWT", r.claims(nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.bearer.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProblem is a refusal with its log line, from the request to the last
// byte, without a network. Each call comes 10 ms after the one before, or the
// limit by address would be what is measured.
func BenchmarkProblem(b *testing.B) {
	now := time.Now()
	a := &api.API{
		Prefix: "/v1", Routes: []api.Route{failing(fault.New(fault.Gone, "worn", errors.New("worn out")))},
		Problems: append(api.Shared(), api.Problem{Name: "worn", Status: http.StatusUnprocessableEntity, Title: "Worn out"}),
		Host:     "api.localhost", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time {
			now = now.Add(10 * time.Millisecond)
			return now
		},
	}
	handler, request := a.Handler(), httptest.NewRequest(http.MethodGet, "http://api.localhost/v1/fails", nil)
	b.ReportAllocs()
	for b.Loop() {
		rec := httptest.NewRecorder()
		if handler.ServeHTTP(rec, request); rec.Code != http.StatusUnprocessableEntity {
			b.Fatalf("answered %d", rec.Code)
		}
	}
}
