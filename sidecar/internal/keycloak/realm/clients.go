package realm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// wanted is what a field of a client should be.
type wanted struct {
	field string
	to    any
}

// fix plans the fields of a client that are otherwise, of the client itself or
// of its attributes.
func (p *planner) fix(id string, c object, attribute bool, fields ...wanted) {
	for _, w := range fields {
		at := c
		if attribute {
			at, _ = c["attributes"].(object)
		}
		from, to := text(at, w.field), fmt.Sprint(w.to)
		if from == to {
			continue
		}
		p.change(Change{Object: "client " + id, Field: w.field, From: shown(from), To: to}, func(ctx context.Context) error {
			return p.editClient(ctx, id, func(c object) {
				if attribute {
					c = below(c, "attributes")
				}
				c[w.field] = w.to
			})
		})
	}
}

// secret plans a secret, which is never shown.
func (p *planner) secret(c Client, now object) {
	if c.Secret == "" || text(now, "secret") == c.Secret {
		return
	}
	p.change(Change{Object: "client " + c.ID, Field: "secret", From: "(another)", To: "(as in its file)"}, func(ctx context.Context) error {
		return p.editClient(ctx, c.ID, func(o object) { o["secret"] = c.Secret })
	})
}

// editClient changes a client as it is now.
func (p *planner) editClient(ctx context.Context, id string, change func(object)) error {
	c, err := p.mustClient(ctx, id)
	if err != nil {
		return err
	}
	change(c)
	return p.put(ctx, c, "clients", text(c, "id"))
}

func (p *planner) mustClient(ctx context.Context, id string) (object, error) {
	c, err := p.client(ctx, id)
	if err == nil && c == nil {
		return nil, fmt.Errorf("the realm has no client %q", id)
	}
	return c, err
}

const (
	management  = "realm-management"
	manageUsers = "manage-users"
)

// accountClient is built into every realm.
const accountClient = "account"

// probe plans that Keycloak's own client for accounts is enabled: the gate
// sees there whether an identity cookie is genuine. Its console stays closed
// unless gate.open says otherwise.
func (p *planner) probe(context.Context) error {
	c := p.clients[accountClient]
	if c == nil {
		p.warning("the realm has no client %q, which Keycloak builds into each: without it the gate takes every login that is shown for a forged one", accountClient)
		return nil
	}
	p.fix(accountClient, c, false, wanted{"enabled", true})
	return nil
}

// gateClient makes the gate's own account, with manage-users alone.
func (p *planner) gateClient(ctx context.Context) error {
	c := p.want.Gate
	now := p.clients[c.ID]
	if now == nil {
		p.change(Change{Object: "client " + c.ID, To: "(service account)"}, func(ctx context.Context) error {
			return p.post(ctx, object{
				"clientId": c.ID, "secret": c.Secret, "name": "Schleuse", "protocol": "openid-connect", "enabled": true,
				"description": "The gate's own account: manage-users and nothing else", "publicClient": false,
				"standardFlowEnabled": false, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "serviceAccountsEnabled": true,
			}, "clients")
		})
		p.change(Change{Object: "client " + c.ID, Field: "service account's role", To: manageUsers}, p.grantManageUsers)
		p.defaultScopes(c.ID, nil, "basic", "roles")
		return nil
	}
	p.fix(c.ID, now, false, wanted{"enabled", true}, wanted{"publicClient", false}, wanted{"serviceAccountsEnabled", true},
		wanted{"standardFlowEnabled", false}, wanted{"implicitFlowEnabled", false}, wanted{"directAccessGrantsEnabled", false})
	p.secret(c, now)
	p.defaultScopes(c.ID, now, "basic", "roles")
	return p.serviceRoles(ctx, now)
}

// serviceRoles plans manage-users, and the removal of whatever else the
// service account may do to the realm.
func (p *planner) serviceRoles(ctx context.Context, now object) error {
	add := func() {
		p.change(Change{Object: "client " + p.want.Gate.ID, Field: "service account's role", To: manageUsers}, p.grantManageUsers)
	}
	if text(now, "serviceAccountsEnabled") != "true" {
		add()
		return nil
	}
	user, err := p.serviceAccount(ctx, now)
	if err != nil {
		return err
	}
	roles, err := p.query(ctx, url.Values{}, "users", user, "role-mappings", "clients", text(p.clients[management], "id"))
	if err != nil {
		return err
	}
	if find(roles, "name", manageUsers) == nil {
		add()
	}
	for _, role := range roles {
		if text(role, "name") == manageUsers {
			continue
		}
		p.change(Change{Object: "client " + p.want.Gate.ID, Field: "service account's role", From: text(role, "name")}, func(ctx context.Context) error {
			return p.remove(ctx, []object{role}, "users", user, "role-mappings", "clients", text(p.clients[management], "id"))
		})
	}
	return nil
}

func (p *planner) serviceAccount(ctx context.Context, client object) (string, error) {
	var user object
	err := p.get(ctx, &user, "clients", text(client, "id"), "service-account-user")
	return text(user, "id"), err
}

func (p *planner) grantManageUsers(ctx context.Context) error {
	c, err := p.mustClient(ctx, p.want.Gate.ID)
	if err != nil {
		return err
	}
	user, err := p.serviceAccount(ctx, c)
	if err != nil {
		return err
	}
	owner := p.clients[management]
	if owner == nil {
		return errors.New("the realm has no client " + management)
	}
	var role object
	if err := p.get(ctx, &role, "clients", text(owner, "id"), "roles", manageUsers); err != nil {
		return err
	}
	return p.post(ctx, []object{role}, "users", user, "role-mappings", "clients", text(owner, "id"))
}

// defaultScopes plans default client scopes that a client lacks. Of a client
// that is yet to be made nothing is planned for what the realm gives by itself.
func (p *planner) defaultScopes(id string, now object, names ...string) {
	have := words(now, "defaultClientScopes")
	if now == nil {
		have = p.defaults
	}
	for _, name := range names {
		if slices.Contains(have, name) {
			continue
		}
		p.change(Change{Object: "client " + id, Field: "default scope", To: name}, func(ctx context.Context) error {
			c, err := p.mustClient(ctx, id)
			if err != nil {
				return err
			}
			scope, err := p.scope(ctx, name)
			if err == nil && scope == nil {
				err = fmt.Errorf("the realm has no client scope %q", name)
			}
			if err != nil {
				return err
			}
			return p.put(ctx, nil, "clients", text(c, "id"), "default-client-scopes", text(scope, "id"))
		})
	}
}

// numbered gives the scope to the other clients of insured people.
func (p *planner) numbered(context.Context) error {
	for _, id := range p.want.Numbered {
		now := p.clients[id]
		if now == nil {
			p.warning("gate.start: the realm has no client %q", id)
			continue
		}
		p.defaultScopes(id, now, Scope)
	}
	return nil
}

const separator = "##" // between several values of post.logout.redirect.uris

// sites makes our own clients.
func (p *planner) sites(context.Context) error {
	for _, s := range p.want.Sites {
		now := p.clients[s.ID]
		if now == nil {
			p.change(Change{Object: "client " + s.ID, To: "(site " + s.PublicURL + ")"}, func(ctx context.Context) error {
				return p.post(ctx, siteObject(s), "clients")
			})
			p.defaultScopes(s.ID, nil, Scope)
			continue
		}
		p.fix(s.ID, now, false, wanted{"enabled", true}, wanted{"publicClient", false}, wanted{"standardFlowEnabled", true},
			wanted{"implicitFlowEnabled", false}, wanted{"directAccessGrantsEnabled", false}, wanted{"frontchannelLogout", false})
		p.fix(s.ID, now, true, wanted{"pkce.code.challenge.method", "S256"}, wanted{"backchannel.logout.session.required", "true"})
		p.addresses(s, now)
		p.secret(s.Client, now)
		p.defaultScopes(s.ID, now, "basic", Scope)
	}
	return nil
}

// addresses plans the URLs of a site that its client lacks. Others stay.
func (p *planner) addresses(s Site, now object) {
	root := text(now, "rootUrl")
	absolute := func(uri string) string {
		if strings.HasPrefix(uri, "/") {
			return strings.TrimRight(root, "/") + uri
		}
		return uri
	}
	has := func(list []string, uri string) bool {
		return slices.ContainsFunc(list, func(u string) bool { return absolute(u) == uri })
	}
	if uri := s.own(callback); !has(words(now, "redirectUris"), uri) {
		p.change(Change{Object: "client " + s.ID, Field: "redirectUris", To: uri}, func(ctx context.Context) error {
			return p.editClient(ctx, s.ID, func(c object) { c["redirectUris"] = append(words(c, "redirectUris"), uri) })
		})
	}
	attributes, _ := now["attributes"].(object)
	const after = "post.logout.redirect.uris"
	for _, uri := range []string{s.home(), s.own(loggedOut)} {
		if has(strings.Split(text(attributes, after), separator), uri) {
			continue
		}
		p.change(Change{Object: "client " + s.ID, Field: after, To: uri}, func(ctx context.Context) error {
			return p.editClient(ctx, s.ID, func(c object) {
				list := below(c, "attributes")
				list[after] = strings.TrimPrefix(text(list, after)+separator+uri, separator)
			})
		})
	}
	// An address of the inner network is as good as the public one.
	path := strings.TrimPrefix(s.own(logout), s.PublicURL)
	if from := text(attributes, "backchannel.logout.url"); !strings.HasSuffix(from, path) {
		p.fix(s.ID, now, true, wanted{"backchannel.logout.url", s.own(logout)})
	}
}

func siteObject(s Site) object {
	return object{
		"clientId": s.ID, "secret": s.Secret, "protocol": "openid-connect", "enabled": true, "publicClient": false,
		"standardFlowEnabled": true, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "serviceAccountsEnabled": false,
		"frontchannelLogout": false, "redirectUris": []string{s.own(callback)}, "baseUrl": s.home(), "webOrigins": []string{},
		"attributes": object{
			"pkce.code.challenge.method":          "S256",
			"post.logout.redirect.uris":           s.home() + separator + s.own(loggedOut),
			"backchannel.logout.url":              s.own(logout),
			"backchannel.logout.session.required": "true",
		},
	}
}
