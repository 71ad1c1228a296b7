package gate

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"

	"github.com/maypok86/otter/v2"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// turnField makes each showing of a step's form a turn of its own: the same
// form sent twice (a double click, a reload) is answered once, so that no try
// is counted twice for one.
const turnField = "schleuse_turn"

// turnsCookie keeps the turns that were answered, for other replicas. Whoever
// drops it only counts more tries against themselves.
const (
	turnsCookie = "turns"
	keepTurns   = 8
	maxTurns    = 50_000
)

type turns struct{ seen *otter.Cache[string, bool] }

func newTurns() *turns {
	return &turns{otter.Must(&otter.Options[string, bool]{MaximumSize: maxTurns})}
}

func newTurn() string { return rand.Text()[:13] }

// take reports whether the turn is answered for the first time, and remembers it.
func (t *turns) take(w http.ResponseWriter, r *http.Request, id flow.AttemptID, turn string) bool {
	if len(turn) != 13 || strings.ContainsAny(turn, ".; ,\\\"") {
		return turn == ""
	}
	cookies := wire.ReadCookies(r.Header)
	answered := strings.Split(cookies.OwnNamed(turnsCookie), ".")
	if slices.Contains(answered, turn) {
		return false
	}
	if _, first := t.seen.SetIfAbsent(string(id)+turn, true); !first {
		return false
	}
	answered = append(answered, turn)
	answered = answered[max(0, len(answered)-keepTurns):]
	c := http.Cookie{
		Name: wire.OwnPrefix + turnsCookie, Value: strings.Trim(strings.Join(answered, "."), "."), Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	w.Header().Add("Set-Cookie", c.String())
	return true
}
