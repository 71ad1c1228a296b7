package devices

import (
	"context"
	"net/http"
	"sync"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// maxSeats is how many calls of one phone may wait at a time.
const maxSeats = 2

// seats are the calls that wait, by phone. There are as many as connections.
type seats struct {
	mu    sync.Mutex
	taken map[device.ID]int
}

// take reports whether there is a seat, and takes it.
func (s *seats) take(id device.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[device.ID]int{}
	}
	if s.taken[id] >= maxSeats {
		return false
	}
	s.taken[id]++
	return true
}

func (s *seats) leave(id device.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[id]--; s.taken[id] <= 0 {
		delete(s.taken, id)
	}
}

type inboxOut struct {
	Mark     string    `json:"mark"`
	Count    int       `json:"count"`
	Requests []waiting `json:"requests"`
}

// waiting is a request in the inbox. A locked app is told its id alone.
type waiting struct {
	ID        approval.ID       `json:"id"`
	ExpiresIn int               `json:"expires_in"`
	Action    string            `json:"action,omitempty"`
	Title     map[string]string `json:"title,omitempty"`
	Risk      string            `json:"risk,omitempty"`
}

func (a *desk) inboxOf(in approval.Inbox, open bool) inboxOut {
	out := inboxOut{Mark: in.Version, Count: in.Count, Requests: []waiting{}}
	for _, item := range in.Items {
		w := waiting{ID: item.ID, ExpiresIn: a.secondsTo(item.Expires)}
		if open {
			w.Action, w.Title, w.Risk = item.Action, a.title(item.Action), item.Risk.String()
		}
		out.Requests = append(out.Requests, w)
	}
	return out
}

// title is nil for an action that was taken out of the configuration.
func (a *desk) title(action string) map[string]string {
	known, ok := a.Approvals.Action(action)
	if !ok {
		return nil
	}
	return map[string]string{"de": known.Title["de"], "en": known.Title["en"]}
}

// maxMark is the length of a mark.
const maxMark = 64

// inbox tells what waits. Asking keeps no app open: apps ask all the time.
func (a *desk) inbox(w http.ResponseWriter, r *http.Request) error {
	return api.Give(a.known, func(r *http.Request, p phone) (api.Reply, error) {
		query, err := api.Query(r, "wait", "mark")
		if err != nil {
			return api.Reply{}, err
		}
		mark := query.Get("mark")
		if len(mark) > maxMark {
			return api.Reply{}, api.Malformed("", "mark is longer than %d", maxMark)
		}
		if query.Get("wait") != "" {
			if !a.seats.take(p.ID) {
				return api.Reply{}, tooMany()
			}
			defer a.seats.leave(p.ID)
		}
		ctx, cancel, err := api.Patience(w, r, query.Get("wait"))
		if err != nil {
			return api.Reply{}, err
		}
		defer cancel()
		in, err := a.wait(ctx, p.ID, mark)
		if err != nil {
			return api.Reply{}, err
		}
		return api.Reply{Body: a.inboxOf(in, a.renew(r, p.Device) != "")}, nil
	})(w, r)
}

// wait returns the inbox when it is not the marked one or, without a mark, when
// something is in it; or when ctx ends.
func (a *desk) wait(ctx context.Context, id device.ID, mark string) (approval.Inbox, error) {
	if mark != "" {
		return a.Approvals.WaitInbox(ctx, id, mark)
	}
	in, err := a.Approvals.Inbox(context.WithoutCancel(ctx), id)
	if err != nil || in.Count > 0 || ctx.Err() != nil {
		return in, err
	}
	return a.Approvals.WaitInbox(ctx, id, in.Version)
}

// events streams the inbox, never with content.
func (a *desk) events(w http.ResponseWriter, r *http.Request) error {
	p, err := a.known(r)
	if err != nil {
		return err
	}
	if _, err := api.Query(r); err != nil {
		return err
	}
	if !a.seats.take(p.ID) {
		return tooMany()
	}
	defer a.seats.leave(p.ID)
	return api.Stream(w, r, func(ctx context.Context, last string) (api.Event, error) {
		in, err := a.Approvals.WaitInbox(ctx, p.ID, last)
		switch {
		case err != nil:
			return api.Event{}, told(err)
		case in.Version == last:
			return api.Event{}, context.Cause(ctx)
		}
		return api.Event{ID: in.Version, Name: "inbox", Data: a.inboxOf(in, false)}, nil
	})
}
