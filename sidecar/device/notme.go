package device

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Task is something that must be done even when the process dies.
type Task struct {
	Key     string // the same for a repetition
	Account account.ID
	Number  member.KVNR
	Body    []byte
	Keep    time.Duration // how long it is tried
}

// Tasks makes sure that tasks are done.
type Tasks interface {
	// Queue makes the task durable before it returns. It is then handed to
	// Service.Carry, at least once, until that returns nil.
	Queue(ctx context.Context, t Task) error
}

// How long the two halves of "das war ich nicht" may take.
const (
	endKeep   = 7 * 24 * time.Hour // sessions are tried to be ended
	resetLife = 7 * 24 * time.Hour // a new login password may be set on the phone
)

// ending is a Task's body.
type ending struct {
	Device  ID
	Account account.ID
	Number  member.KVNR
	At      time.Time
	About   string
}

// done reports whether the phone knows that the login password of this ending
// was made useless: one that was set since must not be undone by a repetition.
func (e ending) done(d Device) bool {
	return !d.Reset.Before(e.At) || d.NotMeOf == e.About && !d.Reset.Before(d.NotMe)
}

// WasNotMe is called when the owner of a phone says that somebody else asked:
// it makes the login password useless, removes every other means of signing in,
// stops logins that are under way, ends every session, online and offline, and
// tells the person and the operator. All of that is done when it is
// carried out, however often the process dies before. about names what was
// asked, such as an approval's id; the same one does it once for each phone.
func (s *Service) WasNotMe(ctx context.Context, id ID, about string) error {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if !d.alive() {
		return ErrBlocked
	}
	if err := s.fact(ctx, "device.not_me", "ok", d); err != nil {
		return err
	}
	s.count(NotMe)
	s.log().ErrorContext(ctx, "somebody else acts in a person's name: they said so on their phone", "about", about)
	e := ending{d.ID, d.Account, d.Number, s.Now(), about}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := s.Tasks.Queue(ctx, Task{Key: "not_me/" + about + "/" + string(d.ID), Account: d.Account, Number: d.Number, Body: body, Keep: endKeep}); err != nil {
		return err
	}
	_, err = s.Store.Update(ctx, id, func(d *Device) error {
		e.mark(d)
		return nil
	})
	return err
}

// mark notes on the phone that something was said, once.
func (e ending) mark(d *Device) {
	if d.NotMeOf != e.About && d.NotMe.Before(e.At) {
		d.NotMe, d.NotMeOf = e.At, e.About
	}
}

// Carry does what a Task says. It may be repeated.
func (s *Service) Carry(ctx context.Context, body []byte) error {
	if n, ok := untoldIn(body); ok {
		return s.Notify.Send(ctx, n)
	}
	var e ending
	if err := json.Unmarshal(body, &e); err != nil || e.Account == "" || e.At.IsZero() {
		return errors.New("a task without a person or a time") // its text may quote the person
	}
	d, err := s.Store.Get(ctx, e.Device)
	if err != nil && !errors.Is(err, ErrNoDevice) {
		return err
	}
	var void error
	if !e.done(d) {
		void = e.shutOut(ctx, s)
	}
	// Whatever keeps the password from becoming useless, no session goes on.
	if err := errors.Join(void, s.endAll(ctx, e.Account)); err != nil {
		return err
	}
	n := notify.Notice{
		Kind: notify.SessionsEnded, ID: fmt.Sprintf("device/%s/%d", e.Device, e.At.UnixMicro()), Number: e.Number, Account: e.Account, At: e.At,
	}
	if err := s.Notify.Send(ctx, n); err != nil {
		// Not all of it once more: a login password that was set meanwhile stays.
		task, err := notice(n)
		if err != nil {
			return err
		}
		return s.Tasks.Queue(ctx, task)
	}
	return nil
}

func (s *Service) endAll(ctx context.Context, id account.ID) error {
	entry := audit.Entry{Action: "session.end_all", Person: id}
	err := audit.Around(ctx, s.Audit, entry, func(*audit.Entry) error { return s.Accounts.EndAll(ctx, id) })
	if err != nil && !nobody(err) {
		return fmt.Errorf("ending all sessions: %w", err)
	}
	return nil
}

// nobody reports that there is nobody whose password or sessions these are.
func nobody(err error) bool {
	return errors.Is(err, account.ErrExempt) || errors.Is(err, account.ErrNotFound)
}

// shutOut is Service.shutOut, noted on the phone, so that a repetition does not
// undo a password that was set since.
func (e ending) shutOut(ctx context.Context, s *Service) error {
	if err := s.shutOut(ctx, e.Account, e.Number); err != nil {
		return err
	}
	_, err := s.Store.Update(ctx, e.Device, func(d *Device) error {
		e.mark(d)
		d.Reset = e.At
		if d.NotMeOf == e.About && d.NotMe.After(e.At) {
			d.Reset = d.NotMe
		}
		return nil
	})
	if errors.Is(err, ErrNoDevice) {
		return nil
	}
	return err
}

// setUnknown tries a long password first, then one that realms with a short
// maximum take.
func (s *Service) setUnknown(ctx context.Context, id account.ID) (err error) {
	for _, password := range []string{"aA1!" + rand.Text() + rand.Text(), "aA1!" + rand.Text()[:16]} {
		err = s.Accounts.SetPassword(ctx, id, password)
		var refused *account.PasswordError
		if !errors.As(err, &refused) {
			return err
		}
	}
	return err
}

// SetLoginPassword sets a new login password from the phone on which "das war
// ich nicht" was said, once and within 7 days. It returns what CheckPassword
// does, ErrMessage, ErrNotAsked, ErrCooling (*CoolingError), ErrNotCleared,
// *account.PasswordError, and fault.Unavailable while the old password is not
// yet useless.
func (s *Service) SetLoginPassword(ctx context.Context, id ID, order Message, password, login Sealed) error {
	d, _, err := s.ordered(ctx, id, order, ToSetLoginPassword)
	if err != nil {
		return err
	}
	plain, err := s.unseal(order, ForLoginPassword, login)
	if err != nil {
		return err
	}
	if err := s.due(d); err != nil {
		return err
	}
	if err := s.check(ctx, d, order, s.password(), password); err != nil {
		return err
	}
	if err := s.clearedPerson(ctx, d.Account); err != nil {
		return err
	}
	err = s.around(ctx, "device.login_password", d, func() error {
		return s.overtaking(ctx, d.Number, func() error { return s.Accounts.SetPassword(ctx, d.Account, string(plain)) })
	})
	if err != nil {
		return err
	}
	return s.change(ctx, d, "device.login_password_set", func(now *Device) error {
		if now.NotMe.Equal(d.NotMe) {
			now.NotMe = time.Time{}
		}
		return nil
	})
}

// due says whether a phone may set a new login password.
func (s *Service) due(d Device) error {
	switch {
	case d.NotMe.IsZero() || s.Now().Sub(d.NotMe) > resetLife:
		return ErrNotAsked
	case d.Cooling(s.Now()):
		return &CoolingError{d.CoolUntil}
	case d.Reset.Before(d.NotMe):
		return &fault.Error{Kind: fault.Unavailable, Key: "later", Retry: 5 * time.Second, Err: errors.New("the old login password is not yet useless")}
	default:
		return nil
	}
}
