package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// readyTimeout bounds one readiness answer, and one look on its side.
const readyTimeout = 2 * time.Second

// check is one thing without which the program cannot do its work.
type check struct {
	name string
	ask  func(context.Context) error
}

// note is a thing that an answer tells of and nobody waits for: a probe that
// waited for a Keycloak that does not answer would miss its own deadline, and
// the replica would be unready after all. What is told is what was found last.
type note struct {
	check
	asking atomic.Bool
	found  atomic.Pointer[string]
}

// last is what was found last, "unknown" at first. It asks again on the side,
// unless the question before is still open.
func (n *note) last(ctx context.Context) string {
	if n.asking.CompareAndSwap(false, true) {
		go n.look(context.WithoutCancel(ctx))
	}
	if found := n.found.Load(); found != nil {
		return *found
	}
	return "unknown"
}

func (n *note) look(ctx context.Context) {
	defer n.asking.Store(false)
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	found := word(n.ask(ctx))
	n.found.Store(&found)
}

// health answers the probes.
//
// Live means: the process serves. It asks nothing remote, since a restart
// mends nothing there. Ready means: this replica can let somebody in (its
// store answers, its extensions are ready) and is not stopping. Keycloak's
// absence does not make a replica unready: the gate then says "later", which
// no other replica could do better; it is a metric and a line in the answer.
type health struct {
	checks   []check // all must pass
	notes    []*note // told, not demanded
	stopping atomic.Bool
}

func (h *health) live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	answer := make(map[string]string, len(h.checks)+len(h.notes)+1)
	status := http.StatusOK
	for _, c := range h.checks {
		answer[c.name] = word(c.ask(ctx))
		if answer[c.name] != "ok" {
			status = http.StatusServiceUnavailable
		}
	}
	for _, n := range h.notes {
		answer[n.name] = n.last(r.Context())
	}
	if h.stopping.Load() {
		answer["server"] = "stopping"
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the probe has gone; nobody is there to be told
}

// word hides an error's text: the internal port is not for secrets either.
func word(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
