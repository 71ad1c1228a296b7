package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/errorlog"
)

// Bounds of every port. Slow or endless clients cost at most this much.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	// stopTimeout is how long running requests may take to end after the stop
	// signal; it is below Kubernetes' default grace period of 30 s.
	stopTimeout = 20 * time.Second
)

// port is one listening address with what it serves.
type port struct {
	name    string
	address string
	tls     *tls.Config // nil: plain HTTP, TLS ends in front of us
	handler http.Handler
	log     *slog.Logger
	// connections is how many may be open at the same time; 0 = any number.
	connections int
	// stopping is called when the stop begins, before the port closes.
	stopping func()
}

// listen opens the port, so that a taken address is an error at the start and
// not later.
func (p *port) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s (%s): %w", p.address, p.name, err)
	}
	if p.connections > 0 {
		l = newBounded(l, p.connections, p.log)
	}
	if p.tls != nil {
		l = tls.NewListener(l, p.tls)
	}
	return l, nil
}

// serve answers on l until ctx ends, then lets running requests finish.
func (p *port) serve(ctx context.Context, l net.Listener) error {
	// Requests outlive the stop signal by up to stopTimeout; long polls and
	// WebSockets are cut by base's end.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	srv := p.server(base)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	p.log.Info("listening", "port", p.name, "address", l.Addr().String())
	select {
	case err := <-done:
		return fmt.Errorf("serving %s: %w", p.name, err)
	case <-ctx.Done():
	}
	if p.stopping != nil {
		p.stopping()
	}
	limit, cancel := context.WithTimeout(base, stopTimeout)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		p.log.Warn("requests cut at the stop", "port", p.name)
		cut()
		err = srv.Close()
		return ignoreClosed(err)
	}
	return nil
}

func (p *port) server(base context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:           bodyPace().handler(p.handler),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          errorlog.New(p.log),
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
