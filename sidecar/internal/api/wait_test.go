package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/api"
)

func TestServersDeadlineDoesNotCutALongPoll(t *testing.T) {
	entered := make(chan struct{}, 1)
	a := &api.API{
		Prefix: "/v1", Routes: []api.Route{waiting(entered)}, Problems: api.Shared(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	s := httptest.NewUnstartedServer(a.Handler())
	s.Config.WriteTimeout = 100 * time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	if got := do(t, "GET", s.URL+"/v1/waits?wait=1", ""); got.body != "context deadline exceeded" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

// A stream that has nothing to say gives signs of life for five minutes.
func TestQuietStreamLivesFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		err := api.Stream(w, r, func(patience context.Context, _ string) (api.Event, error) {
			<-patience.Done()
			return api.Event{}, patience.Err()
		})
		if lived := time.Since(begun); err != nil || lived != 5*time.Minute {
			t.Errorf("lived %s, %v", lived, err)
		}
		if n := strings.Count(w.Body.String(), ": waiting\n\n"); n < 20 || n > 22 {
			t.Errorf("%d signs of life", n)
		}
	})
}
