package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// Bounds of what comes from one address, known or not. All of a backend's
// people come from its one address, and so do a mobile network's.
const (
	addressRate  = 200  // a second, in the long run
	addressBurst = 2000 // at once
	maxAddresses = 50_000
)

// Handler answers a request, or says why it does not; then it has written
// nothing.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one operation.
type Route struct {
	Method string
	Path   string // below the API's prefix, as http.ServeMux has it: /things/{id}
	Do     Handler
}

// API is one API: its operations and how it speaks. Every field must be set,
// Pages, TrustedProxies and Stopping excepted.
type API struct {
	Prefix   string // of every path, without a slash at the end
	Routes   []Route
	Problems []Problem // all that it may answer; see Shared
	Host     string    // of the address under which clients know it, with port where one is needed
	Pages    Pages     // of other origins, whose scripts may call

	TrustedProxies []netip.Prefix  // whose forwarding headers count
	Stopping       <-chan struct{} // closed when the program begins to stop: what waits is answered
	Log            *slog.Logger
	Now            func() time.Time
}

// Handler returns what serves the API.
func (a *API) Handler() http.Handler {
	h := &handler{API: a, limit: bucket.New[netip.Prefix](a.Now, addressRate, addressBurst, maxAddresses), mux: http.NewServeMux()}
	byPath := map[string]map[string]Handler{}
	for _, route := range a.Routes {
		if byPath[route.Path] == nil {
			byPath[route.Path] = map[string]Handler{}
		}
		byPath[route.Path][route.Method] = route.Do
	}
	for at, methods := range byPath {
		h.mux.Handle(a.Prefix+at, h.serve(pick(methods)))
	}
	h.mux.Handle("/", h.serve(func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.NotFound, "not_found", nil)
	}))
	return h
}

type handler struct {
	*API
	limit *bucket.Limits[netip.Prefix]
	mux   *http.ServeMux
}

// ServeHTTP answers every request that is in canonical form; the mux would
// redirect others.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect || path.Clean(r.URL.Path) != r.URL.Path {
		canonical := *r
		canonical.URL, canonical.Method = &url.URL{Path: "/"}, http.MethodGet
		r = &canonical
	}
	h.mux.ServeHTTP(w, r)
}

// serve is the one adapter from a Handler to net/http.
func (h *handler) serve(do Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		page := h.page(w, r)
		err := h.admit(r, page)
		if err == nil && page && preflight(r) {
			h.Pages.allow(w, methods(h.Routes))
			return
		}
		if err == nil {
			err = do(w, r.WithContext(context.WithValue(r.Context(), stoppingKey{}, h.Stopping)))
		}
		if err != nil {
			h.fail(w, r, err)
		}
	})
}

func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// page reports whether the script of a page that may call makes the request,
// and lets it read whatever is answered.
func (h *handler) page(w http.ResponseWriter, r *http.Request) bool {
	if len(h.Pages.Origins) == 0 {
		return false
	}
	w.Header().Add("Vary", "Origin")
	origin, known := h.Pages.known(r)
	if known {
		h.Pages.speak(w.Header(), origin)
	}
	return known
}

// admit refuses what no client of ours sends, and too much of it.
func (h *handler) admit(r *http.Request, page bool) error {
	if !h.limit.Allow(wire.CountedBy(wire.ClientAddress(r.RemoteAddr, r.Header, h.TrustedProxies))) {
		return &fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: time.Second}
	}
	if !page && h.foreign(r) {
		return fault.New(fault.Forbidden, "cross_site", nil)
	}
	return nil
}

// foreign reports whether a browser says that a page of another site makes the
// request (Fetch Metadata; RFC 6454 section 7 for older ones). No page of
// another site is a client, whatever the method, those of Pages excepted.
func (h *handler) foreign(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, h.Host) {
			return true
		}
	}
	return false
}

// pick chooses by method. There is no HEAD: it would wait as GET does, for
// nothing.
func pick(methods map[string]Handler) Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		if do, ok := methods[r.Method]; ok {
			return do(w, r)
		}
		refusal := Refuse(fault.Invalid, "method_not_allowed", nil)
		refusal.Header = http.Header{"Allow": {allow}}
		return refusal
	}
}

// fail tells the client and the log.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, reference := find(h.Problems, err), rand.Text()[:10]
	level := slog.LevelDebug // a client's mistakes are its own log's matter
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if errors.Is(r.Context().Err(), context.Canceled) {
		level = slog.LevelDebug // the client went away
	}
	h.Log.Log(r.Context(), level, "answered with a problem",
		"api", h.Prefix, "reference", reference, "status", p.Status, "problem", p.Name, "error", err.Error())
	tell(w, p, err, reference)
}
