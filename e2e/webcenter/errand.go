package webcenter

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/client"
)

// state is where an errand stands. Each but waiting and executing has an end
// or a way on for the person.
type state string

const (
	asking    state = "asking"    // on its way to the phone
	waiting   state = "waiting"   // for the person at the phone
	executing state = "executing" // approved
	done      state = "done"
	denied    state = "denied"
	expired   state = "expired"
	cancelled state = "cancelled"
	nobody    state = "nobody"    // cannot be asked, mostly for want of a phone
	elsewhere state = "elsewhere" // another request waits at the phone
	paused    state = "paused"    // denied lately, or asked too often
	down      state = "down"      // Schleuse was not reached
	failed    state = "failed"    // approved, but not executed
)

// again reports whether the same errand may ask once more.
func (s state) again() bool { return s == nobody || s == elsewhere || s == paused || s == down }

// errand is a change that somebody wants. What it is about never changes.
type errand struct {
	ID              string // random: also the idempotency key
	Number, Session string
	Action          string
	Content         []byte // what is approved and executed
	Fields          map[string]string
	Begun           time.Time

	State    state
	Approval client.Approval
	Until    time.Time // of paused
}

// Bounds of what is kept in memory.
const (
	errandLimit = 64 // each with a document of up to documentLimit
	ownLimit    = 4  // of one person
	errandLife  = time.Hour
	recordLimit = 1000
)

// errFull says that too many people want something at once.
var errFull = errors.New("too many errands at once")

// open keeps a new errand. The oldest of a person makes room for their newest.
func (a *app) open(e *errand) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, old := range a.errands {
		if a.Now().Sub(old.Begun) > errandLife {
			delete(a.errands, id)
		}
	}
	own := a.ownOldest(e.Number)
	if own != "" {
		delete(a.errands, own)
	}
	if len(a.errands) >= errandLimit {
		return errFull
	}
	e.ID, e.Begun, e.State = rand.Text(), a.Now(), asking
	a.errands[e.ID] = e
	return nil
}

// ownOldest names the errand that the person must give up for another one; "":
// none.
func (a *app) ownOldest(number string) string {
	count, oldest := 0, ""
	for id, e := range a.errands {
		if e.Number != number {
			continue
		}
		count++
		if oldest == "" || e.Begun.Before(a.errands[oldest].Begun) {
			oldest = id
		}
	}
	if count < ownLimit {
		return ""
	}
	return oldest
}

// find returns a copy of the errand, to the person and the browser whose it is.
func (a *app) find(id, number, session string) (errand, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.errands[id]
	if e == nil || number == "" || e.Number != number || e.Session != session {
		return errand{}, false
	}
	return *e, true
}

// move changes the errand from one state to what edit makes of it. It reports
// false, and changes nothing, when the errand is in another state.
func (a *app) move(id string, from state, edit func(*errand)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.errands[id]
	if e == nil || e.State != from {
		return false
	}
	edit(e)
	return true
}
