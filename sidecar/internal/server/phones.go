package server

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"net/http"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
	"github.com/schleuse/schleuse/sidecar/internal/api/devices"
	"github.com/schleuse/schleuse/sidecar/internal/bucket"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/phones"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/webhooks"
	"github.com/schleuse/schleuse/sidecar/member"
)

// approvalsRole is the realm role by which a backend may ask for approvals.
const approvalsRole = "approvals:request"

// confirming is how people confirm: their phones, and what they are asked. There
// is none without a section `devices`.
type confirming struct {
	devices   *device.Service
	approvals *approval.Service
	webhooks  *webhooks.Sender // nil: no backend is told
	tasks     phones.Tasks
	pushers   pushers
	stopping  chan struct{} // closed when the program begins to stop
}

func (h *house) openPhones(context.Context) error {
	if h.Config.Devices == nil {
		return nil
	}
	p := &confirming{pushers: pushers{}, stopping: make(chan struct{})}
	p.tasks = phones.Tasks{Outbox: h.store.Outbox(store.PhoneTasks)}
	p.devices = h.devices(p)
	endpoints := webhooks.Endpoints(h.Config)
	if len(endpoints) > 0 {
		p.webhooks = &webhooks.Sender{
			Endpoints: endpoints, Records: h.store.Records(webhooks.Records), Log: h.Log, Now: h.Now,
			Outbox: func(name string) extension.Outbox { return h.store.Outbox(name) },
		}
	}
	p.approvals = h.approvals(p, endpoints)
	if err := p.approvals.Validate(); err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	h.phones = p
	return nil
}

func (h *house) devices(p *confirming) *device.Service {
	d := h.Config.Devices
	meters := newPhoneMeters(h.metrics)
	keys := phones.Keys{Ring: h.ring}
	return &device.Service{
		Store: h.store.Devices(), Permits: h.store.Permits(), Hasher: &device.Hasher{Peppers: keys},
		Opener: keys, Seals: keys, Accounts: h.keycloak, Audit: h.store.Audit(), Notify: &h.notices,
		Tasks: p.tasks, Pusher: p.pushers, Meter: meters.event, Log: h.Log, Now: h.Now,
		Settings: device.Settings{
			Limit: d.Limit, CoolDown: d.CoolDown, MinPassword: d.Password.Min, Tries: d.Tries,
			PINDigits: d.PIN.Digits, PINTries: d.PIN.Tries, IdleLock: d.PIN.Idle, FirstPhoneByCard: d.FirstByCard,
		},
		Budget:    bucket.New[account.ID](h.Now, hashRate, hashBurst, hashSize).Allow,
		Audience:  h.ownURL(devices.Path),
		Overtaker: overtaker{h},
	}
}

// overtaker is the gate, which is opened after the phones. Without one nobody
// signs in here.
type overtaker struct{ *house }

// Overtake implements device.Overtaker.
func (o overtaker) Overtake(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	if o.gate == nil {
		return func(context.Context) error { return nil }, nil
	}
	return o.gate.Overtake(ctx, number)
}

// Hashes of one person: what an app needs in a minute, and then one a second.
const (
	hashRate  = 1
	hashBurst = 30
	hashSize  = 100_000
)

// ownURL is an address of the gate's host, without Keycloak's relative path.
func (h *house) ownURL(path string) string {
	u := h.Config.Gate.PublicURL.Pointer()
	u.Path = path
	return u.String()
}

func (h *house) approvals(p *confirming, endpoints map[string]webhooks.Endpoint) *approval.Service {
	stored := h.store.Approvals(storeApprovals(endpoints, h.Now))
	s := &approval.Service{
		Store: stored, Repeats: stored, Watch: &approval.Watch{Changes: stored, Log: h.Log}, Devices: h.store.Devices(), Factors: p.devices, NotMe: p.devices.WasNotMe,
		Accounts: h.keycloak, Seals: phones.Keys{Ring: h.ring}, Requests: h.keys(keyring.Request), Receipts: h.keys(keyring.Receipt),
		Issuer: h.ownURL(devices.Path), ReceiptIssuer: h.ownURL(approvals.Prefix),
		Hints: newHints(p.devices.Wake), Audit: h.store.Audit(), Meter: newApprovalMeters(h.metrics).event, Now: h.Now, Log: h.Log,
	}
	if a := h.Config.Approvals; a != nil {
		s.PerHour, s.Actions, s.Clients = a.PerHour, actions(a), map[string][]string{}
		for client, b := range a.Clients {
			s.Clients[client] = b.Actions
		}
	}
	return s
}

func actions(a *config.Approvals) map[string]approval.Action {
	out := map[string]approval.Action{}
	for name, c := range a.Actions {
		action := approval.Action{Name: name, Title: c.Title, Lifetime: c.Lifetime, MatchCode: c.MatchCode}
		if c.Risk == config.LowRisk {
			action.Risk = approval.Low
		}
		for _, f := range c.Fields {
			action.Fields = append(action.Fields, approval.ActionField{Name: f.Name, Label: f.Label})
		}
		out[name] = action
	}
	return out
}

// carry does what "das war ich nicht" left to be done, until ctx ends.
func (p *confirming) carry(ctx context.Context) error { return p.tasks.Run(ctx, p.devices.Carry) }

// keys are the ring's keys of a purpose.
func (h *house) keys(p keyring.Purpose) approval.Keys {
	return approval.Keys{
		Signing: func() (string, crypto.Signer) {
			s := h.ring.Signer(p)
			return string(s.ID), s.Signer
		},
		Published: func() map[string]*ecdsa.PublicKey {
			out := map[string]*ecdsa.PublicKey{}
			for _, k := range h.ring.PublicKeys(p) {
				out[string(k.ID)] = k.Key
			}
			return out
		},
	}
}

// asker is whom steps ask.
func (h *house) asker() approval.Asker {
	if h.phones == nil {
		return approval.None{}
	}
	return approval.Own{Service: h.phones.approvals}
}

// openPushers adds the channels to phones, once the extensions are open.
func (h *house) openPushers(context.Context) error {
	for _, x := range h.extensions {
		if x.Pusher == nil {
			continue
		}
		if h.phones == nil {
			return fmt.Errorf("notifiers: %s wakes phones, and there is no section devices", x.name)
		}
		h.phones.pushers[x.name] = x.Pusher
	}
	return nil
}

// doors are the gate's face with the two APIs and the pages for people's own
// phones beside it.
func (h *house) doors() http.Handler {
	if h.phones == nil {
		return h.gateFace
	}
	apis := map[string]http.Handler{devices.Path + "/": h.deviceFace()}
	if h.Config.Approvals != nil {
		apis[approvals.Prefix+"/"] = h.approvalsFace()
	}
	if h.mine != nil {
		apis[mine.Prefix] = h.mine.Handler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, face := range apis {
			if strings.HasPrefix(r.URL.Path, prefix) {
				face.ServeHTTP(w, r)
				return
			}
		}
		h.gateFace.ServeHTTP(w, r)
	})
}

func (h *house) deviceFace() http.Handler {
	base := h.Config.Gate.PublicURL.Pointer()
	base.Path = devices.Path
	tokens := h.bearer(h.Config.Devices.Audience)
	tokens.Bound = true
	return (&devices.API{
		Base: base, Devices: h.phones.devices, Approvals: h.phones.approvals, Tokens: tokens,
		Clients: h.Config.Devices.Clients, Origins: h.Config.Devices.Origins, Channels: h.phones.pushers.names(), SealTo: h.sealTo, Seals: seals{h.ring},
		Proofs: h.store.Proofs(), TrustedProxies: h.Config.TrustedProxies, Stopping: h.phones.stopping, Log: h.Log, Now: h.Now,
	}).Handler()
}

func (h *house) approvalsFace() http.Handler {
	tokens := h.bearer(h.Config.Approvals.Audience)
	tokens.Role = approvalsRole
	return (&approvals.Face{
		Service: h.phones.approvals, Bearer: tokens, Host: h.Config.Gate.PublicURL.Host,
		TrustedProxies: h.Config.TrustedProxies, Stopping: h.phones.stopping, Log: h.Log, Now: h.Now,
	}).Handler()
}

// bearer verifies the realm's access tokens for an audience. The realm's keys
// are read through the gate, in the process.
func (h *house) bearer(audience string) *api.Bearer {
	g := h.Config.Gate
	keys := api.RemoteKeys(g.Issuer()+"/protocol/openid-connect/certs", h.inner.transport(g.PublicURL.Host, http.DefaultTransport), h.Now)
	return &api.Bearer{Issuer: g.Issuer(), Audience: audience, Keys: keys, Now: h.Now}
}

// permits are what the gate gives to sessions that may have a phone; none
// without devices.
func (h *house) permits() gate.Permits {
	if h.phones == nil {
		return nil
	}
	return h.store.Permits()
}

// enrolling are the apps that may ask for an enrolment.
func (h *house) enrolling() []string {
	if h.Config.Devices == nil {
		return nil
	}
	return h.Config.Devices.Clients
}
