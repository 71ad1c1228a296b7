package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Keys are the server's keys (PROTOCOL §7.1).
type Keys struct {
	SealKey     JWK `json:"seal_key"`
	RequestKeys struct {
		Keys []JWK `json:"keys"`
	} `json:"request_keys"`
}

// Keys asks for the server's keys.
func (p *Phone) Keys(ctx context.Context) (Keys, error) {
	var keys Keys
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/keys", Into: &keys})
	return keys, err
}

// Time asks for the server's time, in seconds since 1970.
func (p *Phone) Time(ctx context.Context) (int64, error) {
	var told struct{ Time int64 }
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/time", Into: &told})
	return told.Time, err
}

// Self asks what the server knows of this phone.
func (p *Phone) Self(ctx context.Context) (Self, error) {
	var self Self
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/self", Into: &self})
	return self, err
}

// secrets are what is sealed beside a message, by purpose.
type secrets map[string]string

// members are the names of sealed secrets in bodies (PROTOCOL §6).
var members = map[string]string{
	purposePassword: "password", purposeNewPassword: "new_password", purposePIN: "pin", purposeLogin: "login_password",
}

// ordered makes the body of an order: signed by the device key, with secrets
// sealed beside it.
func (p *Phone) ordered(ctx context.Context, purpose string, jwk *JWK, s secrets) (map[string]any, error) {
	order, err := p.order(ctx, p.Key, purpose, jwk)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"order": order}
	return body, p.sealInto(ctx, body, order, s)
}

// sealInto seals secrets beside jws and adds them to the body.
func (p *Phone) sealInto(ctx context.Context, body map[string]any, jws string, s secrets) error {
	if len(s) == 0 {
		return nil
	}
	keys, err := p.Keys(ctx)
	if err != nil {
		return fmt.Errorf("asking for the seal key: %w", err)
	}
	for purpose, secret := range s {
		sealed, err := Seal(keys.SealKey, secret, AAD(p.ID, purpose, jws))
		if err != nil {
			return err
		}
		body[members[purpose]] = sealed
	}
	return nil
}

// give gives an order to a path of the phone itself.
func (p *Phone) give(ctx context.Context, method, path, purpose string, jwk *JWK, s secrets) error {
	body, err := p.ordered(ctx, purpose, jwk, s)
	if err != nil {
		return err
	}
	return p.Do(ctx, Call{Method: method, Path: path, Body: body})
}

// RotateKey replaces the device key by a new one. Before the call the new key
// is in Next, and save (if not nil) may keep it. When the answer is lost, Settle
// finds out which key is the phone's (PROTOCOL §7.4).
func (p *Phone) RotateKey(ctx context.Context, password string, save func() error) error {
	next, err := NewKey()
	if err != nil {
		return err
	}
	public := next.Public()
	body, err := p.ordered(ctx, "rotate-key", &public, secrets{purposePassword: password})
	if err != nil {
		return err
	}
	header, payload, err := verify(body["order"].(string), p.Key.Public())
	if err != nil {
		return err
	}
	if body["order_by_new_key"], err = next.SignBytes(header, payload); err != nil {
		return err
	}
	p.Next = next
	if save != nil {
		if err := save(); err != nil {
			return err
		}
	}
	err = p.Do(ctx, Call{Method: http.MethodPut, Path: "/self/key", Body: body})
	var refused *Problem
	switch {
	case err == nil:
		p.Key, p.Next = next, nil
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		p.Next = nil
	}
	return err
}

// Settle ends a rotation whose answer was lost: the key that the server knows
// stays.
func (p *Phone) Settle(ctx context.Context) error {
	if p.Next == nil {
		return nil
	}
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/self", Key: p.Next})
	switch {
	case err == nil:
		p.Key, p.Next = p.Next, nil
	case Is(err, "device_unknown"):
		p.Next, err = nil, nil
	}
	return err
}

// SetPassword changes the device password.
func (p *Phone) SetPassword(ctx context.Context, old, next string) error {
	return p.give(ctx, http.MethodPut, "/self/password", "set-password", nil, secrets{purposePassword: old, purposeNewPassword: next})
}

// SetPIN sets the app's PIN.
func (p *Phone) SetPIN(ctx context.Context, password, pin string) error {
	return p.give(ctx, http.MethodPut, "/self/pin", "set-pin", nil, secrets{purposePassword: password, purposePIN: pin})
}

// SetBiometric registers the key that a finger or face releases.
func (p *Phone) SetBiometric(ctx context.Context, key *Key, password string) error {
	public := key.Public()
	err := p.give(ctx, http.MethodPut, "/self/biometric", "set-biometric", &public, secrets{purposePassword: password})
	if err == nil {
		p.Biometric = key
	}
	return err
}

// RemoveBiometric takes it back.
func (p *Phone) RemoveBiometric(ctx context.Context) error {
	p.Biometric = nil
	return p.Do(ctx, Call{Method: http.MethodDelete, Path: "/self/biometric"})
}

// RegisterPush says where the phone is woken.
func (p *Phone) RegisterPush(ctx context.Context, channel, token string) error {
	return p.Do(ctx, Call{Method: http.MethodPut, Path: "/self/push", Body: map[string]string{"channel": channel, "token": token}})
}

// ForgetPush takes it back.
func (p *Phone) ForgetPush(ctx context.Context) error {
	return p.Do(ctx, Call{Method: http.MethodDelete, Path: "/self/push"})
}

// OpenByPIN opens the app.
func (p *Phone) OpenByPIN(ctx context.Context, pin string) error {
	body, err := p.ordered(ctx, "open", nil, secrets{purposePIN: pin})
	if err != nil {
		return err
	}
	return p.openWith(ctx, body)
}

// OpenByBiometric opens the app as after a finger or a face.
func (p *Phone) OpenByBiometric(ctx context.Context) error {
	if p.Biometric == nil {
		return errors.New("this phone has no biometric key")
	}
	order, err := p.order(ctx, p.Biometric, "open", nil)
	if err != nil {
		return err
	}
	return p.openWith(ctx, map[string]any{"order": order})
}

func (p *Phone) openWith(ctx context.Context, body map[string]any) error {
	var told struct{ Opened string }
	if err := p.Do(ctx, Call{Method: http.MethodPost, Path: "/self/open", Body: body, Into: &told}); err != nil {
		return err
	}
	p.setOpened(told.Opened)
	return nil
}

// SetLoginPassword sets a new login password after "that was not me", in the
// open app.
func (p *Phone) SetLoginPassword(ctx context.Context, password, login string) error {
	body, err := p.ordered(ctx, "login-password", nil, secrets{purposePassword: password, purposeLogin: login})
	if err != nil {
		return err
	}
	return p.Do(ctx, Call{Method: http.MethodPost, Path: "/self/login-password", Opened: true, Body: body})
}
