package webhooks

import (
	"time"

	"github.com/go-json-experiment/json"

	"github.com/schleuse/schleuse/sidecar/approval"
)

// Records is the name of the dead letters in the store.
const Records = "webhooks"

// Outbox is the name of a client's outbox in the store. Each has one of its own:
// what waits for one client takes no other's room.
func Outbox(client string) string { return "webhooks/" + client }

// Keep is how long the outbox has to keep a message: longer than the Sender
// tries, which lays it aside itself.
const Keep = 2 * tryTime

// note is a message on its way, as the outbox and the dead letters have it.
type note struct {
	Client string    `json:"client"`
	ID     string    `json:"id"`
	State  string    `json:"state"`
	At     time.Time `json:"at"` // when the trying began
}

// Announcer returns what makes the message about an approval that reached a
// state, for clients that have an Endpoint. Of Pending and Redeemed nobody is
// told: the client knows. key is the same for the same state of an approval.
func Announcer(endpoints map[string]Endpoint, now func() time.Time) func(approval.Approval) (outbox, key string, body []byte, ok bool) {
	return func(a approval.Approval) (string, string, []byte, bool) {
		switch a.State {
		case approval.Approved, approval.Denied, approval.Expired, approval.Cancelled:
		default:
			return "", "", nil, false
		}
		if _, ok := endpoints[a.Client]; !ok {
			return "", "", nil, false
		}
		n := note{Client: a.Client, ID: string(a.ID), State: a.State.String(), At: now().UTC()}
		body, err := json.Marshal(n)
		return Outbox(a.Client), n.key(), body, err == nil
	}
}

// key names the message for the outbox and, as `webhook-id`, for the client,
// who may get it more than once.
func (n note) key() string { return "msg_" + n.ID + "_" + n.State }

// payload is what the client gets.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when the state was reached
	Data      data      `json:"data"`
}

type data struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

func (n note) payload() ([]byte, error) {
	return json.Marshal(payload{Type: "approval." + n.State, Timestamp: n.At.UTC(), Data: data{n.ID, n.State}})
}
