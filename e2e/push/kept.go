package push

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
)

// Message is a push that was taken.
type Message struct {
	Token  string            `json:"token"`
	Header map[string]string `json:"header"` // of APNs, without the authorization
	Body   json.RawMessage   `json:"body"`
}

// Fault is how a service fails.
type Fault string

// The faults.
const (
	None    Fault = ""
	Gone    Fault = "gone"    // the app is no longer on the phone
	Unknown Fault = "unknown" // the token is none
	Busy    Fault = "busy"    // 429
	Down    Fault = "down"    // 503
	Broken  Fault = "broken"  // 500
	Revoked Fault = "revoked" // what the sender shows does not count any more
	Slow    Fault = "slow"    // there is no answer until the caller gives up
	Garbage Fault = "garbage" // an answer that is none
)

func faults() []Fault {
	return []Fault{None, Gone, Unknown, Busy, Down, Broken, Revoked, Slow, Garbage}
}

// maxBody is how much of a message is read, in bytes.
const maxBody = 64 << 10

// most bounds what is kept; the oldest give way.
const most = 1000

// Kept is what arrived at a service, and how it fails. It is safe for
// concurrent use.
type Kept struct {
	mu       sync.Mutex
	messages []Message
	calls    int
	refusals []string
	fault    Fault
	times    int
}

// Messages returns what was taken, oldest first.
func (k *Kept) Messages() []Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.messages)
}

// Calls returns how many messages were offered, taken or not.
func (k *Kept) Calls() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

// Refusals returns why messages were not taken, without a fault switched on.
func (k *Kept) Refusals() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.refusals)
}

// Fail lets so many of the next calls fail.
func (k *Kept) Fail(f Fault, times int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault, k.times = f, times
}

func (k *Kept) called() Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.times <= 0 {
		return None
	}
	k.times--
	return k.fault
}

func (k *Kept) keep(m Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.messages = append(k.messages, m)
	k.messages = k.messages[max(0, len(k.messages)-most):]
}

func (k *Kept) refused(why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refusals = append(k.refusals, why)
	k.refusals = k.refusals[max(0, len(k.refusals)-most):]
}

// Control lets another process read and switch: GET answers with what was
// taken and why the rest was not, PUT takes {"fault": …, "times": …}.
func (k *Kept) Control(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"messages": k.Messages(), "calls": k.Calls(), "refusals": k.Refusals()})
	case http.MethodPut:
		var in struct {
			Fault Fault `json:"fault"`
			Times int   `json:"times"`
		}
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in) != nil || !slices.Contains(faults(), in.Fault) {
			http.Error(w, "no such fault", http.StatusBadRequest)
			return
		}
		k.Fail(in.Fault, in.Times)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "GET or PUT", http.StatusMethodNotAllowed)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// play answers as the fault says, where it is the same for every service. It
// reports whether it did.
func (f Fault) play(w http.ResponseWriter, r *http.Request) bool {
	switch f {
	case Slow:
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody)) // or nobody notices that the caller gives up
		<-r.Context().Done()
	case Garbage:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>\x00\xff" + r.URL.Path))
	default:
		return false
	}
	return true
}
