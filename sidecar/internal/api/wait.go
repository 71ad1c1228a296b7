package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// Bounds of waiting.
const (
	MaxWait    = time.Minute      // of a long poll
	heartbeat  = 15 * time.Second // between two signs of life of a stream
	streamTime = 5 * time.Minute  // then the client comes again
	writeTime  = 10 * time.Second // for one event to leave
)

type stoppingKey struct{}

// Patience reads the query parameter `wait`, in whole seconds of at most
// MaxWait; without it a request does not wait and the context has ended. It is
// for waiting only, not for reading: it ends when the wait is over, the client is gone or the program begins to stop: the operation
// then answers with what is true by then. The server's time-outs do not end a
// request that waits.
func Patience(w http.ResponseWriter, r *http.Request, wait string) (context.Context, context.CancelFunc, error) {
	if wait == "" {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		return ctx, cancel, nil
	}
	seconds, err := strconv.ParseUint(wait, 10, 8)
	if err != nil || time.Duration(seconds)*time.Second > MaxWait {
		return nil, nil, Malformed("", "wait is in whole seconds, at most %d", int(MaxWait.Seconds()))
	}
	unhurried(w)
	ctx, cancel := until(r, time.Duration(seconds)*time.Second)
	return ctx, cancel, nil
}

// unhurried takes the server's deadline of the answer away. A connection
// without deadlines is none of a port's, but of a test's.
func unhurried(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// until is the request's context, ended by the stop or after d.
func until(r *http.Request, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	stopping, _ := r.Context().Value(stoppingKey{}).(<-chan struct{})
	if stopping == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Event is one server-sent event (WHATWG HTML section 9.2).
type Event struct {
	ID   string // what the client names in Last-Event-ID when it comes again
	Name string
	Data any // becomes JSON in one line
	Last bool
}

// Stream answers with server-sent events until one is the last, the client
// goes, the program stops or five minutes are over; the client then comes
// again and names the last event it has seen. next returns the event after the
// one with this id ("" = none seen), or waits for it until patience ends and
// then returns patience's error; what it reads it reads with the request's own
// context, for the first patience has ended already. An error before the first
// event is the request's.
func Stream(w http.ResponseWriter, r *http.Request, next func(patience context.Context, last string) (Event, error)) error {
	whole, cancel := until(r, streamTime)
	defer cancel()
	s := &stream{w: w, control: http.NewResponseController(w)}
	last := r.Header.Get("Last-Event-ID")
	for first := true; whole.Err() == nil; first = false {
		beat, rest := context.WithTimeout(whole, heartbeat)
		if first {
			beat, rest = noWait(whole)
		}
		event, err := next(beat, last)
		rest()
		switch {
		case err == nil:
			last = event.ID
			err = s.event(event)
		case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
			err = s.write(": waiting\n\n")
		case !s.begun:
			return err
		}
		if err != nil || event.Last {
			return nil // begun: the client sees the end and comes again
		}
	}
	if !s.begun {
		return s.write(": waiting\n\n")
	}
	return nil
}

// noWait ends at once: the headers leave before the first wait.
func noWait(ctx context.Context) (context.Context, context.CancelFunc) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return ended, cancel
}

type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (s *stream) event(e Event) error {
	data, err := json.Marshal(e.Data, json.Deterministic(true))
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Name, data))
}

func (s *stream) write(text string) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("X-Accel-Buffering", "no")
		s.w.WriteHeader(http.StatusOK)
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime))
	defer unhurried(s.w)
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
