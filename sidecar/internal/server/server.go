package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/notices"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// Server runs one replica.
type Server struct {
	Config    *config.Config // valid
	Factories []extension.Factory
	Log       *slog.Logger
	Now       func() time.Time
}

// Run opens everything, serves until ctx ends, and stops gracefully: what runs
// may finish, nothing new comes in. An error says what could not be opened, or
// what failed while serving; then everything else is stopped as well.
func (s *Server) Run(ctx context.Context) (err error) {
	h, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for _, w := range Warnings(s.Config, s.Factories) {
		s.Log.Warn("configuration", "warning", w)
	}
	return h.run(ctx)
}

// house is everything that is open.
type house struct {
	*Server
	metrics    *prometheus.Registry
	ring       *keyring.Ring
	store      *store.Store
	keycloak   *keycloak.Client // nil without a gate
	extensions []opened
	notices    notices.Sender
	pages      *web.Pages
	phones     *confirming  // nil without devices
	gate       *gate.Gate   // nil without a gate
	gateFace   http.Handler // likewise
	returned   func(http.ResponseWriter, *http.Request, flow.StepName, flow.AttemptID) bool
	inner      *inProcess // the gate's door for our own OIDC client
	sites      []*proxy.Site
	mine       *mine.Face // nil without devices.page
	health     health
}

func (s *Server) open(ctx context.Context) (_ *house, err error) {
	h := &house{Server: s, metrics: prometheus.NewRegistry(), inner: newInProcess()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if h.ring, err = keyring.Load(s.Config.KeysFile); err != nil {
		return h, err
	}
	if h.store, err = store.Open(ctx, s.Config.Store, h.ring, s.Now); err != nil {
		return h, err
	}
	h.store.Log = h.Log
	h.metrics.MustRegister(h.store.Collector())
	if err := h.settle(ctx); err != nil {
		return h, err
	}
	for _, part := range []func(context.Context) error{
		h.openKeycloak, h.openPhones, h.openExtensions, h.openPushers, h.openPages, h.openGate, h.openSites, h.openMine,
	} {
		if err := part(ctx); err != nil {
			return h, err
		}
	}
	h.watch()
	return h, nil
}

func (h *house) close() error {
	err := errors.Join(closeAll(h.extensions), h.inner.Close())
	if h.store != nil {
		err = errors.Join(err, h.store.Close())
	}
	return err
}

// watch names what health and readiness ask.
func (h *house) watch() {
	h.health.checks = []check{{"store", h.store.Ready}}
	if h.keycloak != nil {
		h.health.notes = append(h.health.notes, &note{check: check{"keycloak", h.keycloak.Ping}})
	}
	for _, x := range h.extensions {
		if x.Ready != nil {
			h.health.checks = append(h.health.checks, check{"extension " + x.name, x.Ready})
		}
	}
}

// run serves and works until ctx ends or something fails. The ports close
// first; what runs in the background ends when no request needs it any more.
func (h *house) run(ctx context.Context) error {
	serving, ctx := errgroup.WithContext(ctx)
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	background, behind := errgroup.WithContext(behind)
	for name, work := range h.work() {
		background.Go(func() error {
			if err := work(behind); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	if err := h.serve(ctx, serving); err != nil {
		stopBehind()
		return errors.Join(err, serving.Wait(), background.Wait())
	}
	serving.Go(func() error { // a failure in the background stops the serving
		select {
		case <-ctx.Done():
			return nil
		case <-behind.Done():
			return errors.New("background work ended")
		}
	})
	err := serving.Wait()
	stopBehind()
	h.Log.Info("stopped")
	return errors.Join(err, background.Wait())
}

// serve opens the ports and starts serving on them.
func (h *house) serve(ctx context.Context, group *errgroup.Group) error {
	public, err := h.publicPort()
	if err != nil {
		return err
	}
	stopping := func() {
		h.health.stopping.Store(true)
		if h.phones != nil {
			close(h.phones.stopping)
		}
	}
	public.stopping = stopping
	internal := &port{name: "internal", address: h.Config.Internal, handler: h.internalFace(), log: h.Log}
	for _, p := range []*port{internal, public} {
		l, err := p.listen(ctx)
		if err != nil {
			return err
		}
		group.Go(func() error { return p.serve(ctx, l) })
	}
	return nil
}

// work is what runs in the background, by name.
func (h *house) work() map[string]func(context.Context) error {
	out := map[string]func(context.Context) error{"sweep": h.sweep, "audit": h.prune}
	if h.pages != nil {
		out["pages"] = h.checkPages
	}
	if h.gate != nil {
		out["gate"] = h.gate.Run
		// Behind the ports: a site's login that is under way at the stop still
		// redeems its code.
		inner := &port{name: "in process", handler: h.gateFace, log: h.Log}
		out["in process"] = func(ctx context.Context) error { return inner.serve(ctx, h.inner) }
	}
	for _, s := range h.sites {
		out["site "+s.Settings.Name] = s.Run
	}
	if h.mine != nil {
		out["my devices"] = h.mine.Party.Run
	}
	if len(h.notices.Channels) > 0 {
		out["notices"] = h.notices.Run
	}
	if h.phones != nil {
		out["approvals"], out["device tasks"] = h.phones.approvals.Run, h.phones.carry
		if h.phones.webhooks != nil {
			out["webhooks"] = h.phones.webhooks.Run
		}
	}
	for _, x := range h.extensions {
		if x.Run != nil {
			out["extension "+x.name] = x.Run
		}
	}
	return out
}
