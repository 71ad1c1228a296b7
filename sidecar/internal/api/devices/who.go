package devices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// Proofs remembers the proofs of calls that change something, so that none is
// taken twice, on any replica.
type Proofs interface {
	// Take reports whether the key was not taken before. It is remembered
	// until then.
	Take(ctx context.Context, key [sha256.Size]byte, until time.Time) (bool, error)
}

// phone is a registered phone whose call it is.
type phone struct{ device.Device }

// newcomer is somebody who signed in, on a phone that proved a key.
type newcomer struct {
	device.Caller
	key device.Key
}

// call checks a request's proof and body. Its path is the API's; the address is
// the public one and not the Host header. What it returns is not yet anybody.
func (a *desk) call(r *http.Request) (proof, error) {
	values := r.Header.Values("DPoP")
	if len(values) != 1 {
		return proof{}, unproven(errors.New("no proof, or several"))
	}
	p, err := readProof(values[0])
	if err != nil || !p.fits(r.Method, a.Base, r.URL.Path) {
		return proof{}, unproven(errProof)
	}
	var fresh bool
	if p.given, fresh = a.nonceTime(p.Nonce); !fresh {
		return proof{}, challenge("use_dpop_nonce", nil)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1))
	switch {
	case err != nil:
		return proof{}, api.Malformed("", "the body ended early")
	case len(body) > api.MaxBody:
		return proof{}, fault.New(fault.TooLarge, "too_large", nil)
	case !p.carries(body):
		return proof{}, unproven(errProof)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return p, nil
}

// spend takes the proof of a call that changes something, once. It is done
// after everything that a stranger may fail at.
func (a *desk) spend(r *http.Request, p proof) error {
	if r.Method == http.MethodGet {
		return nil
	}
	key := sha256.Sum256([]byte(p.name + "." + p.ID))
	fresh, err := a.Proofs.Take(r.Context(), key, p.given.Add(nonceLife+nonceSkew))
	if err != nil {
		return err
	}
	if !fresh {
		return unproven(errors.New("a proof that was taken before"))
	}
	return nil
}

func unproven(cause error) error { return challenge("invalid_dpop_proof", cause) }

// challenge asks for a proof, as RFC 9449 section 7.1 does.
func challenge(name string, cause error) error {
	refusal := api.Refuse(fault.Unauthenticated, name, cause)
	refusal.Header = http.Header{"Www-Authenticate": {`DPoP algs="ES256", error="` + name + `"`}}
	return refusal
}

// active is a phone that may do everything.
func (a *desk) active(r *http.Request) (phone, error) {
	p, err := a.known(r)
	if err == nil && p.State != device.Active {
		return phone{}, api.Refuse(fault.Forbidden, "device_locked", nil)
	}
	return p, err
}

// known is a phone that is not blocked; it may be locked.
func (a *desk) known(r *http.Request) (phone, error) {
	proven, err := a.call(r)
	if err != nil {
		return phone{}, err
	}
	return a.of(r, proven)
}

// of returns the phone of a key. A blocked one is answered as an unknown one.
func (a *desk) of(r *http.Request, proven proof) (phone, error) {
	found, err := a.Devices.Store.ByKey(r.Context(), proven.name)
	switch {
	case errors.Is(err, device.ErrNoDevice):
		return phone{}, a.stranger(r)
	case err != nil:
		return phone{}, err
	case found.State != device.Active && found.State != device.Locked, found.Key != proven.key:
		return phone{}, a.stranger(r)
	case !a.perPhone.Allow(found.ID):
		return phone{}, tooMany()
	}
	if err := a.spend(r, proven); err != nil {
		return phone{}, err
	}
	return phone{found}, a.Devices.Seen(r.Context(), found)
}

// stranger answers a key that is nobody's. Keys cost nothing, so addresses are
// counted.
func (a *desk) stranger(r *http.Request) error {
	if !a.strangers.Allow(wire.CountedBy(wire.ClientAddress(r.RemoteAddr, r.Header, a.TrustedProxies))) {
		return tooMany()
	}
	return api.Refuse(fault.Unauthenticated, "device_unknown", nil)
}

func tooMany() error { return &fault.Error{Kind: fault.TooMany, Key: "too_many", Retry: time.Second} }

// signedIn is somebody with an access token of a client that registers phones,
// on a phone that need not be known.
func (a *desk) signedIn(r *http.Request) (newcomer, error) {
	proven, err := a.call(r)
	if err != nil {
		return newcomer{}, err
	}
	if !a.strangers.Allow(wire.CountedBy(wire.ClientAddress(r.RemoteAddr, r.Header, a.TrustedProxies))) {
		return newcomer{}, tooMany()
	}
	raw, ok := carried(r)
	if !ok || subtle.ConstantTimeCompare([]byte(digest([]byte(raw))), []byte(proven.Token)) != 1 {
		return newcomer{}, badToken(errors.New("no token, or not the one that the proof names"))
	}
	token, err := a.Tokens.Verify(r.Context(), raw)
	switch {
	case fault.KindOf(err) == fault.Unauthenticated || fault.KindOf(err) == fault.Forbidden:
		return newcomer{}, badToken(err)
	case err != nil:
		return newcomer{}, err
	case token.Session == "" || !slices.Contains(a.Clients, token.Client):
		return newcomer{}, badToken(errors.New("not of a client that registers phones"))
	case token.Thumbprint != "" && token.Thumbprint != proven.name:
		return newcomer{}, badToken(errors.New("bound to another key"))
	}
	caller := device.Caller{Account: token.Subject, Session: token.Session, Client: token.Client}
	return newcomer{caller, proven.key}, a.spend(r, proven)
}

// carried is the access token of a request.
func carried(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, raw, ok := strings.Cut(values[0], " ")
	return raw, ok && raw != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP"))
}

func badToken(cause error) error {
	refusal := api.Refuse(fault.Unauthenticated, "token_invalid", cause)
	refusal.Header = http.Header{"Www-Authenticate": {`Bearer realm="schleuse", error="invalid_token"`}}
	return refusal
}
