package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/device"
)

// Service is the way of approvals, from asking to redeeming. Its fields are set
// before it is used, and it is safe for concurrent use then.
type Service struct {
	Store    Store
	Repeats  Repeats // of the same data
	Watch    *Watch
	Devices  device.Store
	Factors  Factors
	Accounts account.Directory

	Actions map[string]Action   // by name; beside them there is BuiltIn
	Clients map[string][]string // which actions a client may ask for
	PerHour int                 // requests to one person; zero: 10

	// NotMe makes durable what follows when a phone's owner says "das war ich
	// nicht" about an approval that this phone was handed; it may be repeated.
	// nil: nothing follows.
	NotMe func(ctx context.Context, dev device.ID, approval string) error

	Seals         device.Seals // of origins; nil: no phone has one, and each types the match code
	Requests      Keys         // sign request objects
	Receipts      Keys         // sign receipts
	Issuer        string       // `iss` of request objects: the base URL of the device API
	ReceiptIssuer string       // `iss` of receipts: the base URL of the approvals API

	Hints Hinter // nil: phones are not woken
	Audit audit.Log
	Meter Meter // nil: nothing is counted
	Now   func() time.Time
	Log   *slog.Logger // nil: slog.Default()
}

// Validate returns all that is wrong with the settings (errors.Join).
func (s *Service) Validate() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Actions)) {
		a := s.Actions[name]
		if a.Name != name {
			errs = append(errs, fmt.Errorf("action %q calls itself %q", name, a.Name))
		}
		if _, own := BuiltIn()[name]; own {
			errs = append(errs, fmt.Errorf("action %q is our own", name))
		}
		if err := a.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("action %q: %w", name, err))
		}
	}
	for _, client := range slices.Sorted(maps.Keys(s.Clients)) {
		if client == Self || client == "" {
			errs = append(errs, fmt.Errorf("no client may be called %q: we ask under this name ourselves", client))
		}
		for _, name := range s.Clients[client] {
			if _, ok := s.Actions[name]; !ok {
				errs = append(errs, fmt.Errorf("client %q: there is no action %q", client, name))
			}
		}
	}
	return errors.Join(errs...)
}

// Action returns what is shown of an action, our own ones included.
func (s *Service) Action(name string) (Action, bool) {
	if a, own := BuiltIn()[name]; own {
		return a, true
	}
	a, ok := s.Actions[name]
	return a, ok
}

// action returns an action that the client may ask for.
func (s *Service) action(client, name string) (Action, error) {
	own, ours := BuiltIn()[name]
	if ours && client == Self {
		return own, nil
	}
	if ours || !slices.Contains(s.Clients[client], name) {
		return Action{}, ErrForbidden
	}
	a, ok := s.Actions[name]
	if !ok {
		return Action{}, ErrForbidden
	}
	return a, nil
}

// Run looks for changes of other replicas while somebody waits, and stores
// that an approval's time ended, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	watch.Go(func() { s.Watch.Run(ctx) })
	defer watch.Wait()
	tick := time.NewTicker(lapseEvery)
	defer tick.Stop()
	for {
		if _, err := s.Lapse(ctx); err != nil && ctx.Err() == nil {
			s.logger().Warn("storing which approvals are over", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// lapseEvery is how often Run looks for approvals whose time ended. Nothing
// depends on it but when webhooks and the audit hear of it.
const lapseEvery = 2 * time.Second

func (s *Service) logger() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

// note writes an entry about an approval.
func (s *Service) note(ctx context.Context, a Approval, e audit.Entry) error {
	e.Client, e.Ref, e.Person = a.Client, string(a.ID), a.Account
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Detail["action"], e.Detail["content_sha256"] = a.Action, a.Content.String()
	return s.Audit.Append(ctx, e)
}

// outcome writes how an announced action ended. What was done stays done when
// the entry fails: the intent tells of it, and the log that its end is missing.
func (s *Service) outcome(ctx context.Context, a Approval, action string, err error, detail map[string]string) {
	e := audit.Entry{Phase: audit.Outcome, Action: action, Result: result(err), Detail: detail}
	if failed := s.note(context.WithoutCancel(ctx), a, e); failed != nil {
		s.logger().Error("the outcome of an announced action is missing in the audit", "action", action, "ref", string(a.ID), "err", failed)
	}
}

// moved tells everybody that an approval changed.
func (s *Service) moved(a Approval, e Event) {
	s.wake(a)
	if s.Meter != nil {
		s.Meter(e, a.Action, a.State, s.Now().Sub(a.Created))
	}
}

func (s *Service) wake(a Approval) {
	s.Watch.Wake(ofApproval(a.ID))
	s.Watch.Wake(ofAccount(a.Account))
}
