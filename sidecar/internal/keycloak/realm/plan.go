package realm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Plan reads the realm and returns what is to be changed. It changes nothing.
func Plan(ctx context.Context, a *Admin, d Desired) (Diff, error) {
	p := &planner{Admin: a, want: d}
	if err := p.read(ctx); err != nil {
		return Diff{}, fmt.Errorf("reading realm %s: %w", a.Realm, err)
	}
	for _, part := range []func(context.Context) error{
		p.role, p.lifetimes, p.directGrant, p.idToken, p.probe, p.gateClient, p.apiScope, p.sites, p.numbered,
		p.phones, p.backends, p.warn,
	} {
		if err := part(ctx); err != nil {
			return Diff{}, fmt.Errorf("planning realm %s: %w", a.Realm, err)
		}
	}
	return p.diff, nil
}

// Apply carries out what Plan returns and returns what it did. It may be
// repeated after an error: it goes on where it stopped. An error after the
// last change says that Keycloak did not keep one.
func Apply(ctx context.Context, a *Admin, d Desired) (Diff, error) {
	diff, err := Plan(ctx, a, d)
	if err != nil {
		return Diff{}, err
	}
	for i, c := range diff.Changes {
		if err := c.do(ctx); err != nil {
			diff.Changes = diff.Changes[:i]
			return diff, fmt.Errorf("changing %s: %w", c.Object, err)
		}
	}
	left, err := Plan(ctx, a, d)
	if err != nil {
		return diff, err
	}
	if !left.Empty() {
		return diff, fmt.Errorf("not as it should be after the changes: %s", left.Changes[0])
	}
	return diff, nil
}

// planner collects the changes of one plan.
type planner struct {
	*Admin
	want Desired
	diff Diff

	realm   object
	scopes  []object
	clients map[string]object // by client id

	defaults []string // scopes that a new client gets
}

func (p *planner) read(ctx context.Context) error {
	if err := p.get(ctx, &p.realm); err != nil {
		return err
	}
	if _, whole := p.realm["accessCodeLifespan"]; !whole {
		return errors.New("the administrator sees only a part of it: view-realm is missing")
	}
	if err := p.get(ctx, &p.scopes, "client-scopes"); err != nil {
		return err
	}
	var clients []object
	if err := p.get(ctx, &clients, "clients"); err != nil {
		return err
	}
	var defaults []object
	if err := p.get(ctx, &defaults, "default-default-client-scopes"); err != nil {
		return err
	}
	for _, s := range defaults {
		p.defaults = append(p.defaults, text(s, "name"))
	}
	p.clients = map[string]object{}
	for _, c := range clients {
		p.clients[text(c, "clientId")] = c
	}
	return nil
}

func (p *planner) change(c Change, do func(context.Context) error) {
	c.do = do
	p.diff.Changes = append(p.diff.Changes, c)
}

func (p *planner) warning(format string, args ...any) {
	p.diff.Warnings = append(p.diff.Warnings, fmt.Sprintf(format, args...))
}

// role makes the realm role of the identified.
func (p *planner) role(ctx context.Context) error {
	found, err := p.findRole(ctx, p.want.Role)
	if err != nil {
		return err
	}
	if found == nil {
		p.change(Change{Object: "role " + p.want.Role}, func(ctx context.Context) error {
			return p.post(ctx, object{
				"name": p.want.Role, "description": "This person has been identified once, see Schleuse",
			}, "roles")
		})
	}
	for _, name := range p.want.ExemptRoles {
		exempt, err := p.findRole(ctx, name)
		if err != nil {
			return err
		}
		if exempt == nil {
			p.warning("gate.exempt_roles: the realm has no role %q", name)
		}
	}
	return nil
}

// findRole returns a realm role, or nil.
func (p *planner) findRole(ctx context.Context, name string) (object, error) {
	var role object
	err := p.get(ctx, &role, "roles", name)
	var r *Refusal
	if errors.As(err, &r) && r.Code == http.StatusNotFound {
		return nil, nil //nolint:nilnil // nil is the answer: there is none
	}
	return role, err
}

// mustRole returns a realm role that has to be there by now.
func (p *planner) mustRole(ctx context.Context, name string) (object, error) {
	role, err := p.findRole(ctx, name)
	if err == nil && role == nil {
		return nil, fmt.Errorf("the realm has no role %q", name)
	}
	return role, err
}

// scope returns a client scope as it is now, or nil.
func (p *planner) scope(ctx context.Context, name string) (object, error) {
	var all []object
	if err := p.get(ctx, &all, "client-scopes"); err != nil {
		return nil, err
	}
	return find(all, "name", name), nil
}

// client returns a client as it is now, or nil.
func (p *planner) client(ctx context.Context, id string) (object, error) {
	all, err := p.query(ctx, url.Values{"clientId": {id}}, "clients")
	if err != nil {
		return nil, err
	}
	return find(all, "clientId", id), nil
}

func find(all []object, key, value string) object {
	for _, o := range all {
		if text(o, key) == value {
			return o
		}
	}
	return nil
}

// text returns a value of an object as text; "" when it has none.
func text(o object, key string) string {
	if v, ok := o[key]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// below returns an object inside an object, made when it is missing.
func below(o object, key string) object {
	inner, ok := o[key].(object)
	if !ok {
		inner = object{}
		o[key] = inner
	}
	return inner
}

// words returns a list of texts.
func words(o object, key string) []string {
	list, _ := o[key].([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	return out
}
