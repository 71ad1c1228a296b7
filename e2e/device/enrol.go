package device

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
)

// Policy is what the server asks of names and secrets.
type Policy struct {
	NameMax      int      `json:"name_max"`
	PasswordMin  int      `json:"password_min"`
	PINDigits    int      `json:"pin_digits"`
	IdleLock     int      `json:"idle_lock_seconds"`
	PushChannels []string `json:"push_channels"`
}

// Ticket is the answer to the beginning of a registration (PROTOCOL §7.2).
type Ticket struct {
	DeviceID  string        `json:"device_id"`
	Ticket    string        `json:"ticket"`
	SealKey   JWK           `json:"seal_key"`
	Policy    Policy        `json:"policy"`
	Devices   []Replaceable `json:"devices"`
	ExpiresIn int           `json:"expires_in"`
}

// Replaceable is a phone of the person whose place this one may take.
type Replaceable struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	State      string `json:"state"`
	LastUsedAt string `json:"last_used_at"`
}

// Self is a phone as the server has it.
type Self struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Platform     string `json:"platform"`
	State        string `json:"state"`
	CreatedAt    string `json:"created_at"`
	LastUsedAt   string `json:"last_used_at"`
	CoolUntil    string `json:"cool_until"`
	PINSet       bool   `json:"pin_set"`
	BiometricSet bool   `json:"biometric_set"`
	PushChannel  string `json:"push_channel"`
	This         bool   `json:"this"`
	Policy       Policy `json:"policy"`
}

// Registration is the body of POST /devices.
type Registration struct {
	Registration string `json:"registration"`
	NewPassword  Sealed `json:"new_password"`
	Replaces     string `json:"replaces,omitempty"` // the phone whose place this one takes
}

// Ask is what the login is asked with before a phone is registered or unlocked
// (PROTOCOL §7.2).
type Ask struct {
	ACR string `json:"acr_values"`
	JKT string `json:"dpop_jkt"` // names the key of the phone that the proof is for
}

// Asks is what this phone has the login asked with.
func (p *Phone) Asks() Ask { return Ask{"urn:schleuse:enrol", p.Key.Public().Thumbprint()} }

// ProvesTo makes the DPoP header of the call that redeems the login's code at
// the token endpoint (PROTOCOL §7.2).
func (p *Phone) ProvesTo(tokenEndpoint string) (string, error) {
	return p.Key.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": p.Key.Public()}, map[string]any{
		"jti": rand.Text(), "htm": http.MethodPost, "htu": tokenEndpoint, "iat": p.now(),
	})
}

// Enrol registers the phone with the access token of a login that asked for a
// proof (PROTOCOL §7.2).
func (p *Phone) Enrol(ctx context.Context, token, name, platform, password string) (Self, error) {
	return p.Replace(ctx, token, "", Owned{name, platform, password})
}

// Owned is what the owner says at a registration.
type Owned struct{ Name, Platform, Password string }

// Replace is Enrol in the place of another phone of the person, which is
// blocked; an empty id is none.
func (p *Phone) Replace(ctx context.Context, token, id string, o Owned) (Self, error) {
	ticket, err := p.BeginFor(ctx, token, id)
	if err != nil {
		return Self{}, err
	}
	body, err := p.Register(ticket, o.Name, o.Platform, o.Password)
	if err != nil {
		return Self{}, err
	}
	body.Replaces = id
	return p.Finish(ctx, token, body)
}

// Begin asks for a ticket and takes the id that comes with it.
func (p *Phone) Begin(ctx context.Context, token string) (Ticket, error) {
	return p.BeginFor(ctx, token, "")
}

// BeginFor is Begin in the place of another phone; an empty id is none.
func (p *Phone) BeginFor(ctx context.Context, token, id string) (Ticket, error) {
	var ticket Ticket
	body := struct {
		Replaces string `json:"replaces,omitempty"`
	}{id}
	err := p.Do(ctx, Call{Method: http.MethodPost, Path: "/enrolments", Token: token, Body: body, Into: &ticket})
	if err != nil {
		return Ticket{}, fmt.Errorf("beginning to register: %w", err)
	}
	p.ID = ticket.DeviceID
	return ticket, nil
}

// Register signs the registration and seals the device password beside it.
func (p *Phone) Register(t Ticket, name, platform, password string) (Registration, error) {
	jws, err := p.Key.Sign(p.header("schleuse-registration+jwt"), map[string]any{
		"v": 1, "aud": p.Base, "sub": t.DeviceID, "ticket": t.Ticket, "jwk": p.Key.Public(),
		"name": name, "platform": platform, "iat": p.now(),
	})
	if err != nil {
		return Registration{}, err
	}
	sealed, err := Seal(t.SealKey, password, AAD(t.DeviceID, purposeNewPassword, jws))
	return Registration{Registration: jws, NewPassword: sealed}, err
}

// Finish sends the registration.
func (p *Phone) Finish(ctx context.Context, token string, body Registration) (Self, error) {
	var self Self
	err := p.Do(ctx, Call{Method: http.MethodPost, Path: "/devices", Token: token, Body: body, Into: &self})
	if err != nil {
		return Self{}, fmt.Errorf("registering: %w", err)
	}
	return self, nil
}

// Unlock gives the phone another device password, after a login that asked for
// a proof (PROTOCOL §7.3).
func (p *Phone) Unlock(ctx context.Context, token, password string) (Self, error) {
	var self Self
	body, err := p.ordered(ctx, "unlock", nil, secrets{purposeNewPassword: password})
	if err != nil {
		return Self{}, err
	}
	err = p.Do(ctx, Call{Method: http.MethodPost, Path: "/devices/" + p.ID + "/unlock", Token: token, Body: body, Into: &self})
	if err != nil {
		return Self{}, fmt.Errorf("unlocking: %w", err)
	}
	return self, nil
}
