package realm

import (
	"context"
	"fmt"
	"net/url"
	"slices"
)

// audienceScope is a client scope that carries an audience.
type audienceScope struct {
	name, audience, of string // of: whose audience it is, in words
	// role binds it: whoever lacks that realm role gets no such audience. Empty:
	// every client with the scope gets it.
	role string
	// exact demands this very audience; otherwise any will do, which is the
	// operator's.
	exact bool
}

// apiScope makes the scope with the audience of the insurer's APIs.
func (p *planner) apiScope(ctx context.Context) error {
	return p.audienceScope(ctx, audienceScope{name: Scope, audience: p.audience(), of: "the APIs", role: p.want.Role})
}

// audienceScope makes a scope, or gives it what it lacks.
func (p *planner) audienceScope(ctx context.Context, s audienceScope) error {
	now := find(p.scopes, "name", s.name)
	place := "client scope " + s.name
	if now == nil {
		p.change(Change{Object: place, To: "(audience " + s.audience + ")"}, func(ctx context.Context) error {
			return p.post(ctx, s.object(), "client-scopes")
		})
		if s.role != "" {
			p.change(Change{Object: place, Field: "only with role", To: s.role}, func(ctx context.Context) error { return p.bindScope(ctx, s) })
		}
		return nil
	}
	if !slices.ContainsFunc(mappers(now), s.carriedBy) {
		p.change(Change{Object: place, Field: "audience", To: s.audience}, func(ctx context.Context) error {
			scope, err := p.scope(ctx, s.name)
			if err != nil {
				return err
			}
			return p.post(ctx, s.mapper(), "client-scopes", text(scope, "id"), "protocol-mappers", "models")
		})
	}
	if s.role == "" {
		return nil
	}
	roles, err := p.query(ctx, url.Values{}, "client-scopes", text(now, "id"), "scope-mappings", "realm")
	if err != nil {
		return err
	}
	if find(roles, "name", s.role) == nil {
		p.change(Change{Object: place, Field: "only with role", To: s.role}, func(ctx context.Context) error { return p.bindScope(ctx, s) })
	}
	if len(roles) > 1 {
		p.warning("client scope %s is bound to other roles too: whoever has one of them gets the audience", s.name)
	}
	return nil
}

func (s audienceScope) carriedBy(mapper object) bool {
	config, _ := mapper["config"].(object)
	has := text(config, "included.custom.audience")
	return has != "" && (!s.exact || has == s.audience)
}

func (s audienceScope) object() object {
	description := "Audience of " + s.of
	if s.role != "" {
		description += "; only for people with the role " + s.role
	}
	return object{
		"name": s.name, "protocol": "openid-connect", "description": description,
		"attributes": object{
			"include.in.token.scope": "false", "display.on.consent.screen": "false", "include.in.openid.provider.metadata": "false",
		},
		"protocolMappers": []any{s.mapper()},
	}
}

func (s audienceScope) mapper() object {
	return object{
		"name": "audience of " + s.of, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": object{
			"included.custom.audience": s.audience, "access.token.claim": "true", "id.token.claim": "false", "introspection.token.claim": "true",
		},
	}
}

func (p *planner) bindScope(ctx context.Context, s audienceScope) error {
	scope, err := p.scope(ctx, s.name)
	if err != nil {
		return err
	}
	role, err := p.mustRole(ctx, s.role)
	if err != nil {
		return err
	}
	return p.post(ctx, []object{role}, "client-scopes", text(scope, "id"), "scope-mappings", "realm")
}

// The scopes and the role of what people confirm on phones.
const (
	PhonesScope    = "schleuse-phones"    // apps that register phones
	ApprovalsScope = "schleuse-approvals" // backends that ask
	ApprovalsRole  = "approvals:request"  // of the backends' service accounts
)

// phones lets apps reach the device API, and only for people who are
// identified.
func (p *planner) phones(ctx context.Context) error {
	if len(p.want.Apps) == 0 {
		return nil
	}
	s := audienceScope{name: PhonesScope, audience: p.want.AppsAudience, of: "the device API", role: p.want.Role, exact: true}
	if err := p.audienceScope(ctx, s); err != nil {
		return err
	}
	for _, id := range p.want.Apps {
		now := p.clients[id]
		if now == nil {
			p.warning("devices.clients: the realm has no client %q", id)
			continue
		}
		p.defaultScopes(id, now, PhonesScope)
	}
	return nil
}

// backends lets the service accounts of backends ask for approvals.
func (p *planner) backends(ctx context.Context) error {
	if len(p.want.Backends) == 0 {
		return nil
	}
	s := audienceScope{name: ApprovalsScope, audience: p.want.BackendsAudience, of: "the approvals API", exact: true}
	if err := p.audienceScope(ctx, s); err != nil {
		return err
	}
	role, err := p.findRole(ctx, ApprovalsRole)
	if err != nil {
		return err
	}
	if role == nil {
		p.change(Change{Object: "role " + ApprovalsRole}, func(ctx context.Context) error {
			return p.post(ctx, object{"name": ApprovalsRole, "description": "Service account that may ask people for approvals, see Schleuse"}, "roles")
		})
	}
	for _, id := range p.want.Backends {
		if err := p.backend(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) backend(ctx context.Context, id string) error {
	now := p.clients[id]
	switch {
	case now == nil:
		p.warning("approvals.clients: the realm has no client %q", id)
		return nil
	case text(now, "serviceAccountsEnabled") != "true":
		p.warning("approvals.clients: client %q has no service account, so it gets no token of its own", id)
		return nil
	}
	p.defaultScopes(id, now, "roles", ApprovalsScope)
	user, err := p.serviceAccount(ctx, now)
	if err != nil {
		return err
	}
	roles, err := p.query(ctx, url.Values{}, "users", user, "role-mappings", "realm")
	if err != nil {
		return err
	}
	if find(roles, "name", ApprovalsRole) != nil {
		return nil
	}
	p.change(Change{Object: "client " + id, Field: "service account's role", To: ApprovalsRole}, func(ctx context.Context) error {
		role, err := p.mustRole(ctx, ApprovalsRole)
		if err != nil {
			return fmt.Errorf("giving %s: %w", ApprovalsRole, err)
		}
		return p.post(ctx, []object{role}, "users", user, "role-mappings", "realm")
	})
	return nil
}
