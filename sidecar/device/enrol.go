package device

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Ticket is the first half of a registration.
type Ticket struct {
	Device  ID       // which the phone will have
	Text    string   // to be brought back, opaque
	Phones  []Device // of the person, those that could be replaced, newest first
	Expires time.Time
}

// ticket is what is sealed in it.
type ticket struct {
	Device  ID
	Caller  Caller
	Key     string // thumbprint
	Expires time.Time
}

// ticketPlace says where a sealed ticket belongs.
const ticketPlace = "device/ticket"

// maxTicket bounds a ticket's text, in bytes.
const maxTicket = 2048

// Begin gives a ticket to register the phone with this key: for this session
// and client, as long as their permit lasts. replaces is the phone whose place
// it is to take, or empty; Enrol is told once more. Nothing is stored. It
// returns ErrNoPermit, ErrByCard, ErrTooMany (*TooManyError), ErrNoDevice, ErrNotCleared.
func (s *Service) Begin(ctx context.Context, c Caller, key Key, replaces ID) (Ticket, error) {
	p, err := s.permitted(ctx, c, key)
	if err != nil {
		return Ticket{}, err
	}
	phones, err := s.Store.Of(ctx, c.Account)
	if err != nil {
		return Ticket{}, err
	}
	there := slices.DeleteFunc(slices.Clone(phones), func(d Device) bool { return !d.alive() })
	err = s.mayRegister(p, phones, replaces)
	switch {
	case errors.Is(err, ErrTooMany):
		return Ticket{}, &TooManyError{there}
	case err != nil:
		return Ticket{}, err
	}
	t := ticket{NewID(), c, key.Thumbprint(), p.Expires}
	plain, err := json.Marshal(t)
	if err != nil {
		return Ticket{}, err
	}
	return Ticket{t.Device, b64.EncodeToString(s.Seals.Seal(plain, []byte(ticketPlace))), there, t.Expires}, nil
}

// permitted returns the permit of somebody who is cleared, for this key.
func (s *Service) permitted(ctx context.Context, c Caller, key Key) (Permit, error) {
	p, err := s.Permits.Look(ctx, c.Session, c.Client)
	if err != nil {
		return Permit{}, err
	}
	if p.Account != c.Account || !p.fits(key) {
		return Permit{}, ErrNoPermit
	}
	return p, s.cleared(ctx, c)
}

// mayRegister says whether a permit lets somebody with these phones have one
// more, in the place of replaces unless that is empty.
func (s *Service) mayRegister(p Permit, phones []Device, replaces ID) error {
	if !p.stands(phones) {
		return ErrNoPermit
	}
	if p.byCardAlone() && (!s.Settings.FirstPhoneByCard || len(phones) > 0) {
		return ErrByCard
	}
	have, there := 0, replaces == ""
	for _, d := range phones {
		switch {
		case d.alive() && d.ID == replaces:
			there = true
		case d.alive():
			have++
		}
	}
	switch {
	case !there:
		return ErrNoDevice
	case have >= s.Settings.Limit:
		return ErrTooMany
	default:
		return nil
	}
}

// openTicket returns what a ticket of this caller and key says.
func (s *Service) openTicket(text string, c Caller, key Key) (ticket, error) {
	sealed, err := decode(text)
	if err != nil || len(text) > maxTicket {
		return ticket{}, ErrTicket
	}
	plain, err := s.Seals.Open(sealed, []byte(ticketPlace))
	if err != nil {
		return ticket{}, ErrTicket
	}
	var t ticket
	if json.Unmarshal(plain, &t) != nil || t.Caller != c || key == "" || t.Key != key.Thumbprint() || !s.Now().Before(t.Expires) {
		return ticket{}, ErrTicket
	}
	return t, nil
}

// registrationPayload is the first word of a phone.
type registrationPayload struct {
	V        int            `json:"v"`
	Aud      string         `json:"aud"`
	Sub      string         `json:"sub"`
	Ticket   string         `json:"ticket"`
	JWK      jsontext.Value `json:"jwk"`
	Name     string         `json:"name"`
	Platform string         `json:"platform"`
	IAT      *int64         `json:"iat"`
}

var platformForm = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)

// readRegistration reads what a phone says of itself.
func (s *Service) readRegistration(m Message, key Key) (registrationPayload, error) {
	var p registrationPayload
	if m.Type != Registration || m.Decode(&p) != nil || p.V != protocol || p.Aud != s.Audience ||
		p.Sub != string(m.Device) || p.IAT == nil || len(p.Platform) > MaxName || !platformForm.MatchString(p.Platform) {
		return p, ErrMessage
	}
	if named, err := ParseJWK(p.JWK); err != nil || named != key {
		return p, ErrMessage
	}
	return p, CheckName(p.Name)
}

// Enrolment is how a phone asks to be registered.
type Enrolment struct {
	Registration Message // by its key, with a ticket
	NewPassword  Sealed  // the device password that its owner chose
	// Replaces is the phone of the same person whose place it takes: that one is
	// blocked in the same transaction, and does not count to the limit. Empty:
	// none.
	Replaces ID
}

// Enrol registers a phone. The permit is used. key is the one that proved the
// call.
//
// It returns ErrTicket, ErrFactors (the signature), ErrMessage, ErrName,
// ErrNoPermit, ErrByCard, ErrTooMany, ErrNoDevice (what it is to replace),
// ErrNotCleared, ErrKeyUsed, ErrSealed, ErrWeak.
func (s *Service) Enrol(ctx context.Context, c Caller, key Key, e Enrolment) (Device, error) {
	m := e.Registration
	if !m.SignedBy(key) {
		return Device{}, ErrFactors
	}
	said, err := s.readRegistration(m, key)
	if err != nil {
		return Device{}, err
	}
	t, err := s.openTicket(said.Ticket, c, key)
	if err != nil {
		return Device{}, err
	}
	if t.Device != m.Device {
		return Device{}, ErrTicket
	}
	p, err := s.permitted(ctx, c, key)
	if err != nil {
		return Device{}, err
	}
	now := s.Now()
	d := Device{
		ID: t.Device, Account: c.Account, Number: p.Number, Name: said.Name, Platform: said.Platform, Key: key, State: Active, Replaced: e.Replaces,
		Created: now, LastUsed: hour(now), CoolUntil: now.Add(s.Settings.CoolDown),
	}
	if d.Password, err = s.newPassword(ctx, d, m, e.NewPassword); err != nil {
		return Device{}, err
	}
	return d, s.register(ctx, c, d)
}

// newPassword opens, judges and hashes a device password that is to come.
func (s *Service) newPassword(ctx context.Context, d Device, m Message, sealed Sealed) (Secret, error) {
	plain, err := s.unseal(m, ForNewPassword, sealed)
	if err != nil {
		return Secret{}, err
	}
	if err := checkPassword(plain, s.Settings.MinPassword, d.Number); err != nil {
		return Secret{}, err
	}
	return s.hashed(ctx, d, ForPassword, plain)
}

func (s *Service) hashed(ctx context.Context, d Device, p Purpose, plain []byte) (Secret, error) {
	leave, err := s.enter(ctx, d.Account)
	if err != nil {
		return Secret{}, err
	}
	defer leave()
	secret, err := s.Hasher.hash(d.ID, p, plain)
	secret.Set = s.Now()
	return secret, err
}

func (s *Service) register(ctx context.Context, c Caller, d Device) error {
	err := s.around(ctx, registers, d, func() error {
		_, err := s.Permits.Use(ctx, c.Session, c.Client, func(p Permit, phones []Device) ([]Device, error) {
			switch {
			case p.Account != d.Account || p.Number != d.Number || !p.fits(d.Key):
				return nil, ErrNoPermit
			case slices.ContainsFunc(phones, func(o Device) bool { return o.ID == d.ID }):
				return nil, ErrKeyUsed // the same ticket again: it must not make anything of the phone that is there
			}
			if err := s.mayRegister(p, phones, d.Replaced); err != nil {
				return nil, err
			}
			return append([]Device{d}, replaced(phones, d)...), nil
		})
		return err
	})
	if err != nil {
		return err
	}
	s.count(Registered)
	if d.Replaced != "" {
		s.count(BlockedForGood)
	}
	s.wakeOthers(context.WithoutCancel(ctx), d)
	return nil
}

// replaced is the phone whose place a new one takes, blocked.
func replaced(phones []Device, by Device) []Device {
	at := slices.IndexFunc(phones, func(d Device) bool { return d.ID == by.Replaced })
	if at < 0 {
		return nil
	}
	old := phones[at]
	old.block(ReasonReplaced, by.Created)
	return []Device{old}
}

// Unlock makes a phone usable again that is locked, or whose owner forgot the
// device password. It needs a permit, as a registration does; the health card
// never suffices. key is the one that proved the call. The cool-down begins
// anew, and wrong PINs are forgotten.
//
// It returns ErrNoDevice, ErrFactors (the signature), ErrMessage, ErrNoPermit,
// ErrByCard, ErrNotCleared, ErrBlocked, ErrSealed, ErrWeak.
func (s *Service) Unlock(ctx context.Context, c Caller, id ID, key Key, m Message, newPassword Sealed) (Device, error) {
	d, err := s.Store.Get(ctx, id)
	if err != nil {
		return Device{}, err
	}
	if d.Account != c.Account || d.Key != key || key == "" {
		return Device{}, ErrNoDevice
	}
	if m.Device != id || !m.SignedBy(key) {
		return Device{}, ErrFactors
	}
	if _, err := s.readOrder(m, ToUnlock); err != nil {
		return Device{}, err
	}
	p, err := s.permitted(ctx, c, key)
	if err != nil {
		return Device{}, err
	}
	if p.byCardAlone() {
		return Device{}, ErrByCard
	}
	secret, err := s.newPassword(ctx, d, m, newPassword)
	if err != nil {
		return Device{}, err
	}
	return s.unlock(ctx, c, d, secret)
}

func (s *Service) unlock(ctx context.Context, c Caller, known Device, secret Secret) (out Device, err error) {
	now := s.Now()
	err = s.around(ctx, "device.unlock", known, func() error {
		out, err = s.Permits.Use(ctx, c.Session, c.Client, func(p Permit, phones []Device) ([]Device, error) {
			at := slices.IndexFunc(phones, func(d Device) bool { return d.ID == known.ID && d.Key == known.Key })
			switch {
			case !p.stands(phones) || !p.fits(known.Key):
				return nil, ErrNoPermit
			case p.byCardAlone():
				return nil, ErrByCard
			case at < 0:
				return nil, ErrNoDevice
			case !phones[at].alive():
				return nil, ErrBlocked
			}
			d := phones[at]
			d.State, d.Reason, d.Password, d.PIN.Wrong, d.PIN.Over = Active, "", secret, 0, time.Time{}
			d.CoolUntil, d.LastUsed = now.Add(s.Settings.CoolDown), hour(now)
			return append([]Device{d}, replaced(phones, d)...), nil
		})
		return err
	})
	if err != nil {
		return Device{}, err
	}
	s.count(Unlocked)
	s.wakeOthers(context.WithoutCancel(ctx), out)
	return out, nil
}
