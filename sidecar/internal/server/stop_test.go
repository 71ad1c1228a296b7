package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

// A site's login that is under way at the stop has still to redeem its code,
// through the gate's door in the process.
func TestLoginUnderWayAtTheStopStillReachesTheGate(t *testing.T) {
	public := freeAddress(t)
	entered := make(chan struct{})
	kept := storetest.Open(t, time.Now)
	h := &house{
		Server: &Server{Log: quietLog(), Now: time.Now, Config: &config.Config{
			Listen: config.Listen{Address: public}, Internal: freeAddress(t),
			Gate:  &config.Gate{PublicURL: config.URL{URL: url.URL{Scheme: "http", Host: public}}},
			Audit: config.Audit{Retention: time.Hour},
		}},
		metrics: prometheus.NewRegistry(), inner: newInProcess(), gate: &gate.Gate{Deeds: kept.Outbox("gate.deeds")},
		store: kept,
	}
	ourselves := &http.Client{Transport: h.inner.transport("gate.inner", http.DefaultTransport)}
	stopping := make(chan struct{})
	h.gateFace = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			io.WriteString(w, "tokens")
			return
		}
		close(entered)
		<-stopping
		fmt.Fprint(w, get(t, ourselves, "http://gate.inner/token"))
	})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- h.run(ctx) }()
	body := make(chan string, 1)
	go func() { body <- get(t, patient(), "http://"+public+"/callback") }()
	<-entered
	stop()
	for !h.health.stopping.Load() {
		runtime.Gosched()
	}
	close(stopping)
	if got := <-body; got != "tokens" {
		t.Errorf("the login under way got %q", got)
	}
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// patient dials again while the port is not open yet.
func patient() *http.Client {
	dialer := &net.Dialer{}
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		for {
			c, err := dialer.DialContext(ctx, network, address)
			if err == nil || ctx.Err() != nil {
				return c, err
			}
		}
	}}}
}
