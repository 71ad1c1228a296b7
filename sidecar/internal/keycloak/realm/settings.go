package realm

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// lifetimes sets the realm's own fields.
func (p *planner) lifetimes(context.Context) error {
	field := func(name string, to any, ok func(string) bool) {
		from := text(p.realm, name)
		if ok(from) {
			return
		}
		p.change(Change{Object: p.name(), Field: name, From: shown(from), To: text(object{name: to}, name)}, func(ctx context.Context) error {
			return p.edit(ctx, func(r object) { r[name] = to })
		})
	}
	field("accessCodeLifespan", seconds(codeLife), is(seconds(codeLife)))
	field("ssoSessionIdleTimeout", seconds(ssoIdle), atLeast(ssoIdle))
	field("rememberMe", false, func(s string) bool { return s != "true" })

	const pushed = "parRequestUriLifespan"
	attributes, _ := p.realm["attributes"].(object)
	if from := text(attributes, pushed); !atLeast(pushedLife)(from) {
		to := strconv.Itoa(seconds(pushedLife))
		p.change(Change{Object: p.name(), Field: pushed, From: shown(from), To: to}, func(ctx context.Context) error {
			return p.edit(ctx, func(r object) { below(r, "attributes")[pushed] = to })
		})
	}
	return nil
}

// edit changes the realm as it is now: read whole, written whole.
func (p *planner) edit(ctx context.Context, change func(object)) error {
	var r object
	if err := p.get(ctx, &r); err != nil {
		return err
	}
	change(r)
	return p.put(ctx, r)
}

func (p *planner) name() string { return "realm " + p.Realm }

func seconds(d time.Duration) int { return int(d / time.Second) }

func is(n int) func(string) bool { return func(s string) bool { return s == strconv.Itoa(n) } }

func atLeast(d time.Duration) func(string) bool {
	return func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && n >= seconds(d)
	}
}

// shown keeps a change of a value from looking like an addition.
func shown(s string) string {
	if s == "" {
		return "(not set)"
	}
	return s
}

const denyAuthenticator = "deny-access-authenticator"

// directGrant binds a flow that refuses the password grant to everybody: it
// needs no browser, so nothing could be held.
func (p *planner) directGrant(ctx context.Context) error {
	bound := text(p.realm, "directGrantFlow")
	denied, err := p.denies(ctx, bound)
	if err != nil || denied {
		return err
	}
	var flows []object
	if err := p.get(ctx, &flows, "authentication", "flows"); err != nil {
		return err
	}
	if find(flows, "alias", denyFlow) == nil {
		p.change(Change{Object: "flow " + denyFlow}, p.makeDenyFlow)
	} else if denied, err = p.denies(ctx, denyFlow); err != nil || !denied {
		p.change(Change{Object: "flow " + denyFlow, Field: "execution", To: denyAuthenticator}, p.addDeny)
	}
	p.change(Change{Object: p.name(), Field: "directGrantFlow", From: shown(bound), To: denyFlow}, func(ctx context.Context) error {
		return p.edit(ctx, func(r object) { r["directGrantFlow"] = denyFlow })
	})
	return nil
}

// denies reports whether a flow refuses everybody.
func (p *planner) denies(ctx context.Context, alias string) (bool, error) {
	if alias == "" {
		return false, nil
	}
	var executions []object
	if err := p.get(ctx, &executions, "authentication", "flows", alias, "executions"); err != nil {
		return false, err
	}
	for _, e := range executions {
		if text(e, "providerId") == denyAuthenticator && text(e, "level") == "0" && text(e, "requirement") == "REQUIRED" {
			return true, nil
		}
	}
	return false, nil
}

func (p *planner) makeDenyFlow(ctx context.Context) error {
	err := p.post(ctx, object{
		"alias": denyFlow, "description": "No password grant for anybody: it would pass the gate by",
		"providerId": "basic-flow", "topLevel": true, "builtIn": false,
	}, "authentication", "flows")
	if err != nil {
		return err
	}
	return p.addDeny(ctx)
}

func (p *planner) addDeny(ctx context.Context) error {
	if err := p.post(ctx, object{"provider": denyAuthenticator}, "authentication", "flows", denyFlow, "executions", "execution"); err != nil {
		return err
	}
	executions, err := p.query(ctx, url.Values{}, "authentication", "flows", denyFlow, "executions")
	if err != nil {
		return err
	}
	execution := find(executions, "providerId", denyAuthenticator)
	execution["requirement"] = "REQUIRED"
	return p.put(ctx, execution, "authentication", "flows", denyFlow, "executions")
}

const usernameClaim = "preferred_username"

// idToken takes the user name, which is a number, out of ID tokens: clients
// hand those back in URLs when they log out.
func (p *planner) idToken(context.Context) error {
	scope := find(p.scopes, "name", "profile")
	for _, m := range mappers(scope) {
		config, _ := m["config"].(object)
		if text(config, "claim.name") != usernameClaim || text(config, "id.token.claim") != "true" {
			continue
		}
		name := text(m, "name")
		p.change(Change{
			Object: "client scope profile", Field: "mapper " + name + ": " + usernameClaim + " in ID tokens", From: "true", To: "false",
		}, func(ctx context.Context) error {
			return p.editMapper(ctx, "profile", name, func(m object) { below(m, "config")["id.token.claim"] = "false" })
		})
	}
	return nil
}

func (p *planner) editMapper(ctx context.Context, scopeName, mapper string, change func(object)) error {
	scope, err := p.scope(ctx, scopeName)
	if err != nil {
		return err
	}
	m := find(mappers(scope), "name", mapper)
	change(m)
	return p.put(ctx, m, "client-scopes", text(scope, "id"), "protocol-mappers", "models", text(m, "id"))
}

func mappers(o object) []object {
	list, _ := o["protocolMappers"].([]any)
	out := make([]object, 0, len(list))
	for _, v := range list {
		if m, ok := v.(object); ok {
			out = append(out, m)
		}
	}
	return out
}
