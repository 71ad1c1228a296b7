package gate_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// The fake's Admin API, which is the gate's account.Accounts.

// errDown is what the fake's Admin API says when it is down.
var errDown = errors.New("connection refused")

func (k *keycloak) set(username string, c account.Clearance) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.people[username].clearance = c
}

func (k *keycloak) break_(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = down
}

func (k *keycloak) admin() (unlock func(), err error) {
	k.mu.Lock()
	if k.down {
		err = errDown
	}
	return k.mu.Unlock, err
}

func (k *keycloak) byID(id account.ID) *person {
	for _, p := range k.people {
		if p.id == string(id) {
			return p
		}
	}
	return nil
}

func (k *keycloak) Find(_ context.Context, number member.KVNR) (account.Account, error) {
	unlock, err := k.admin()
	defer unlock()
	switch p := k.people[number.Username()]; {
	case err != nil:
		return account.Account{}, err
	case p != nil:
		return account.Account{ID: account.ID(p.id), Username: p.username, Enabled: true}, nil
	}
	return account.Account{}, account.ErrNotFound
}

func (k *keycloak) Get(_ context.Context, id account.ID) (account.Account, error) {
	unlock, err := k.admin()
	defer unlock()
	if err != nil {
		return account.Account{}, err
	}
	p := k.byID(id)
	if p == nil {
		return account.Account{}, account.ErrNotFound
	}
	return account.Account{ID: id, Username: p.username, Enabled: true}, nil
}

func (k *keycloak) Named(_ context.Context, name string) ([]account.Account, error) {
	unlock, err := k.admin()
	defer unlock()
	if p := k.people[strings.ToLower(name)]; err == nil && p != nil {
		return []account.Account{{ID: account.ID(p.id), Username: p.username, Enabled: true}}, nil
	}
	return nil, err
}

func (k *keycloak) Clearance(_ context.Context, id account.ID) (account.Clearance, error) {
	unlock, err := k.admin()
	defer unlock()
	k.lookedUp++
	if err != nil {
		return account.Unknown, err
	}
	if p := k.byID(id); p != nil {
		return p.clearance, nil
	}
	return account.NotCleared, nil
}

func (k *keycloak) Grant(_ context.Context, id account.ID) error {
	unlock, err := k.admin()
	defer unlock()
	if err == nil {
		k.byID(id).clearance = account.Cleared
	}
	return err
}

func (k *keycloak) Withdraw(_ context.Context, id account.ID) error {
	unlock, err := k.admin()
	defer unlock()
	switch p := k.byID(id); {
	case err != nil:
		return err
	case p.clearance == account.Exempt:
		return account.ErrExempt
	default:
		p.clearance = account.NotCleared
	}
	return nil
}

func (k *keycloak) Alive(_ context.Context, id account.ID, sid account.SID) (bool, error) {
	unlock, err := k.admin()
	defer unlock()
	p := k.sessions[string(sid)]
	return err == nil && p != nil && p.id == string(id), err
}

func (k *keycloak) Began(_ context.Context, id account.ID, sid account.SID) (time.Time, error) {
	unlock, err := k.admin()
	defer unlock()
	if p := k.sessions[string(sid)]; err != nil || p == nil || p.id != string(id) {
		return time.Time{}, err
	}
	return k.began[string(sid)].Truncate(time.Second).Add(time.Millisecond), nil
}

func (k *keycloak) End(_ context.Context, sid account.SID) error {
	unlock, err := k.admin()
	defer unlock()
	if err == nil {
		k.ended = append(k.ended, string(sid))
		delete(k.sessions, string(sid))
	}
	return err
}

func (k *keycloak) Authenticators(_ context.Context, id account.ID) ([]account.Authenticator, error) {
	unlock, err := k.admin()
	defer unlock()
	if err != nil {
		return nil, err
	}
	return append([]account.Authenticator(nil), k.byID(id).authenticators...), nil
}

func (k *keycloak) RemoveAuthenticator(_ context.Context, id account.ID, authenticator string) error {
	unlock, err := k.admin()
	defer unlock()
	if err != nil {
		return err
	}
	p := k.byID(id)
	var kept []account.Authenticator
	for _, a := range p.authenticators {
		if a.ID != authenticator {
			kept = append(kept, a)
		}
	}
	p.authenticators = kept
	return nil
}

func (k *keycloak) Create(_ context.Context, n account.New) (account.ID, error) {
	unlock, err := k.admin()
	defer unlock()
	if err != nil {
		return "", err
	}
	name := n.Number.Username()
	if k.people[name] != nil {
		return "", account.ErrExists
	}
	k.people[name] = &person{id: "made-" + name, username: name, password: n.Password, clearance: account.NotCleared}
	return account.ID(k.people[name].id), nil
}

func (k *keycloak) SetPassword(_ context.Context, id account.ID, password string) error {
	unlock, err := k.admin()
	defer unlock()
	if err == nil {
		k.byID(id).password = password
	}
	return err
}

func (k *keycloak) EndAll(_ context.Context, id account.ID) error {
	unlock, err := k.admin()
	defer unlock()
	if err != nil {
		return err
	}
	for sid, p := range k.sessions {
		if p.id == string(id) {
			delete(k.sessions, sid)
		}
	}
	return nil
}

var _ account.Accounts = (*keycloak)(nil)
