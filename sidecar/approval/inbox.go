package approval

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/device"
)

// MaxInbox is how many items an inbox shows.
const MaxInbox = 20

// Inbox is what waits for a person's answer.
type Inbox struct {
	Version string     // differs when anything in it does; at most 64 characters
	Count   int        // all that waits, at most 100
	Items   []Approval // oldest first, at most 20
}

// Inbox returns what waits for the owner of a phone, which may be locked, not
// blocked. It returns device.ErrNoDevice, device.ErrBlocked.
func (s *Service) Inbox(ctx context.Context, dev device.ID) (Inbox, error) {
	d, err := s.phone(ctx, dev)
	if err != nil {
		return Inbox{}, err
	}
	return s.inbox(ctx, d)
}

// WaitInbox returns the inbox as soon as its version is not seen, or when ctx
// ends, then without an error. It returns ErrBusy when too many wait.
func (s *Service) WaitInbox(ctx context.Context, dev device.ID, seen string) (Inbox, error) {
	calm := context.WithoutCancel(ctx)
	d, err := s.phone(calm, dev)
	if err != nil {
		return Inbox{}, err
	}
	w, err := s.Watch.Join(ofAccount(d.Account))
	if err != nil {
		return Inbox{}, err
	}
	defer w.Leave()
	for {
		in, err := s.inbox(calm, d)
		if err != nil || in.Version != seen || ctx.Err() != nil {
			return in, err
		}
		if !s.rest(ctx, w, in.ends(s.Now())) {
			return in, nil
		}
	}
}

// phone reads a phone that is not blocked.
func (s *Service) phone(ctx context.Context, dev device.ID) (device.Device, error) {
	d, err := s.Devices.Get(ctx, dev)
	if err != nil {
		return device.Device{}, err
	}
	switch {
	case d.ID != dev || d.Account == "":
		return device.Device{}, device.ErrNoDevice
	case d.State != device.Active && d.State != device.Locked:
		return device.Device{}, device.ErrBlocked
	}
	return d, nil
}

func (s *Service) inbox(ctx context.Context, d device.Device) (Inbox, error) {
	pending, err := s.list(ctx, Query{Account: d.Account, States: []State{Pending}})
	if err != nil {
		return Inbox{}, fmt.Errorf("reading what waits: %w", err)
	}
	pending = slices.DeleteFunc(pending, func(a Approval) bool { return a.State != Pending })
	slices.Reverse(pending)
	in := Inbox{Count: len(pending), Items: pending[:min(len(pending), MaxInbox)]}
	in.Version = in.version()
	for i, a := range in.Items {
		if a.Delivered.IsZero() {
			in.Items[i] = s.delivered(ctx, a)
		}
	}
	return in, nil
}

// delivered stores that a phone saw an approval. It is for the figures alone,
// so that it fails does not matter.
func (s *Service) delivered(ctx context.Context, a Approval) Approval {
	first := false
	after, err := s.Store.Update(ctx, a.ID, "", func(a *Approval, _ *device.Device) error {
		if first = a.Delivered.IsZero() && !a.State.Final(); first {
			a.Delivered = s.Now()
		}
		return nil
	})
	if err != nil {
		return a
	}
	if first && s.Meter != nil {
		s.Meter(Delivered, a.Action, after.State, s.Now().Sub(a.Created))
	}
	return after
}

func (in Inbox) version() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", in.Count)
	for _, a := range in.Items {
		fmt.Fprintf(h, "%s %d\n", a.ID, a.Refused)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// ends returns when the inbox changes by itself: the first item expires. An
// empty one does not, and is looked at again after a while all the same.
func (in Inbox) ends(now time.Time) time.Time {
	first := now.Add(time.Minute)
	for _, a := range in.Items {
		if a.Expires.Before(first) {
			first = a.Expires
		}
	}
	return first
}

// History returns what a person was asked, newest first, at most limit (zero:
// 100) before an approval, for the owner of an active phone.
func (s *Service) History(ctx context.Context, dev device.ID, before ID, limit int) ([]Approval, error) {
	d, err := s.phone(ctx, dev)
	if err != nil {
		return nil, err
	}
	if d.State != device.Active {
		return nil, device.ErrLocked
	}
	if err := s.cleared(ctx, d.Account); err != nil {
		return nil, err
	}
	return s.list(ctx, Query{Account: d.Account, Before: before, Limit: limit})
}

// Open returns the request object for a phone: a JWS, the same bytes whenever
// this phone asks. It returns ErrNoApproval, ErrOver (*Over), ErrTooManyPhones,
// device.ErrLocked, device.ErrNotCleared.
func (s *Service) Open(ctx context.Context, dev device.ID, id ID) (string, error) {
	d, err := s.phone(ctx, dev)
	if err != nil {
		return "", err
	}
	if d.State != device.Active {
		return "", device.ErrLocked
	}
	a, err := s.theirs(ctx, d, id)
	if err != nil {
		return "", err
	}
	if state := a.StateAt(s.Now()); state != Pending {
		return "", &Over{state, a.Reason}
	}
	if err := s.cleared(ctx, a.Account); err != nil {
		return "", err
	}
	if shown := a.Issued[dev]; shown != "" {
		return shown, nil
	}
	shown, err := s.requestObject(a, dev)
	if err != nil {
		return "", err
	}
	return s.issue(ctx, d, a, shown)
}

// cleared returns device.ErrNotCleared where the person is not identified any
// more or the account is disabled, read fresh: then a phone reads and approves
// nothing. It may still deny.
func (s *Service) cleared(ctx context.Context, id account.ID) error {
	err := s.good(ctx, id)
	if errors.Is(err, ErrPerson) {
		return device.ErrNotCleared
	}
	return err
}

// theirs returns an approval of the phone's owner; that of another person does
// not exist.
func (s *Service) theirs(ctx context.Context, d device.Device, id ID) (Approval, error) {
	a, err := s.Store.Get(ctx, id)
	if err != nil {
		return Approval{}, err
	}
	if a.Account == "" || a.Account != d.Account {
		return Approval{}, ErrNoApproval
	}
	return a, nil
}

// issue stores what the phone is handed, unless the same phone was faster.
func (s *Service) issue(ctx context.Context, d device.Device, a Approval, shown string) (string, error) {
	first := false
	after, err := s.Store.Update(ctx, a.ID, d.ID, func(a *Approval, by *device.Device) error {
		first = false
		switch state := a.StateAt(s.Now()); {
		case by == nil || by.Account != a.Account || by.State != device.Active:
			return device.ErrLocked
		case state != Pending:
			return &Over{state, a.Reason}
		case a.Issued[d.ID] != "":
			return nil
		case len(a.Issued) >= maxIssued:
			return ErrTooManyPhones
		}
		if a.Issued == nil {
			a.Issued = map[device.ID]string{}
		}
		a.Issued[d.ID] = shown
		if first = a.Opened.IsZero(); first {
			a.Opened = s.Now()
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if first && s.Meter != nil {
		s.Meter(Opened, after.Action, after.State, s.Now().Sub(after.Created))
	}
	return after.Issued[d.ID], nil
}
