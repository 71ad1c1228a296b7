package realm

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// warn looks for what the gate can live with and an administrator should know.
func (p *planner) warn(ctx context.Context) error {
	p.warnRealm()
	p.warnClients()
	if err := p.warnProfile(ctx); err != nil {
		return err
	}
	return p.warnAdmins(ctx)
}

func (p *planner) warnRealm() {
	on := func(key string) bool { return text(p.realm, key) == "true" }
	if on("eventsEnabled") {
		p.warning("events are stored: they hold user names as typed, which are insurance numbers (eventsEnabled)")
	}
	if slices.Contains(words(p.realm, "eventsListeners"), "jboss-logging") {
		p.warning("events go to Keycloak's log: failed logins write the typed insurance number there (eventsListeners: jboss-logging)")
	}
	if on("editUsernameAllowed") {
		p.warning("people may change their user name, which is their number: set editUsernameAllowed to false")
	}
	if on("loginWithEmailAllowed") {
		p.warning("people may sign in by their mail address at the clients without a number page; it is neither proved nor theirs for ever: set loginWithEmailAllowed to false where nobody needs it")
	}
	if on("registrationAllowed") {
		p.warning("Keycloak's own registration is allowed; the gate closes it, whoever passes the gate by finds it open (registrationAllowed)")
	}
	if on("resetPasswordAllowed") {
		p.warning("Keycloak's own reset by mail is allowed; the gate closes it, whoever passes the gate by finds it open (resetPasswordAllowed)")
	}
	if !on("bruteForceProtected") {
		p.warning("nobody counts wrong passwords: set bruteForceProtected to true")
	}
	for _, field := range []string{"accessCodeLifespanLogin", "accessCodeLifespanUserAction"} {
		if atLeast(authenticationLife + time.Second)(text(p.realm, field)) {
			p.warning("Keycloak keeps an unfinished sign-in for %s seconds, the gate lets none go on that is older than two hours: set %s to 7200 at the most", text(p.realm, field), field)
		}
	}
	attributes, _ := p.realm["attributes"].(object)
	if front := strings.TrimRight(text(attributes, "frontendUrl"), "/"); front != "" && front != p.want.PublicURL {
		p.warning("the realm's frontendUrl is %s: the issuer will not be the gate's %s", front, p.want.PublicURL)
	}
}

// warnClients names the clients that use what the gate closes.
func (p *planner) warnClients() {
	closed := map[string]func(object) bool{
		"use the password grant, which is refused": func(c object) bool {
			return text(c, "directAccessGrantsEnabled") == "true" && text(c, "clientId") != "admin-cli"
		},
		"use the device grant, which is closed unless gate.open has device":                                     attribute("oauth2.device.authorization.grant.enabled"),
		"use CIBA, which is closed unless gate.open has ciba":                                                   attribute("oidc.ciba.grant.enabled"),
		"use token exchange, which is closed unless gate.open has exchange":                                     attribute("standard.token.exchange.enabled"),
		"speak SAML, which is closed":                                                                           func(c object) bool { return text(c, "protocol") == "saml" },
		"lack the scope basic: their tokens name no person (sub), so the gate refuses them":                     func(c object) bool { return browser(c) && !slices.Contains(words(c, "defaultClientScopes"), "basic") },
		"accept any redirect address (*)":                                                                       func(c object) bool { return browser(c) && slices.Contains(words(c, "redirectUris"), "*") },
		"put the user name, which is a number, into ID tokens by a mapper of their own (" + usernameClaim + ")": leaks,
	}
	for _, what := range slices.Sorted(maps.Keys(closed)) {
		var ids []string
		for _, id := range slices.Sorted(maps.Keys(p.clients)) {
			if c := p.clients[id]; text(c, "enabled") == "true" && closed[what](c) {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			p.warning("these clients %s: %s", what, strings.Join(ids, ", "))
		}
	}
}

func attribute(name string) func(object) bool {
	return func(c object) bool {
		attributes, _ := c["attributes"].(object)
		return text(attributes, name) == "true"
	}
}

// browser reports whether people sign in to the client with a browser.
func browser(c object) bool {
	return text(c, "protocol") != "saml" && text(c, "standardFlowEnabled") == "true" && text(c, "bearerOnly") != "true" &&
		!slices.Contains([]string{"account", "account-console", "security-admin-console", "broker", management}, text(c, "clientId"))
}

func leaks(c object) bool {
	return slices.ContainsFunc(mappers(c), func(m object) bool {
		config, _ := m["config"].(object)
		return text(config, "claim.name") == usernameClaim && text(config, "id.token.claim") == "true"
	})
}

// warnProfile looks whether people could write an insurance number themselves.
func (p *planner) warnProfile(ctx context.Context) error {
	var profile struct {
		Policy     string `json:"unmanagedAttributePolicy"`
		Attributes []struct {
			Name        string `json:"name"`
			Permissions struct {
				Edit []string `json:"edit"`
			} `json:"permissions"`
		} `json:"attributes"`
	}
	if err := p.get(ctx, &profile, "users", "profile"); err != nil {
		return err
	}
	if profile.Policy == "ENABLED" {
		p.warning("people may write attributes that the user profile does not know (unmanagedAttributePolicy ENABLED)")
	}
	for _, a := range profile.Attributes {
		if a.Name == "kvnr" && slices.Contains(a.Permissions.Edit, "user") {
			p.warning("people may change their own attribute kvnr: let only admin edit it")
		}
	}
	return nil
}

// warnAdmins looks for administrators among the people of the realm: the
// gate's account may set anybody's password there.
func (p *planner) warnAdmins(ctx context.Context) error {
	owner := p.clients[management]
	if owner == nil {
		return nil
	}
	found := map[string]bool{}
	for _, role := range []string{"realm-admin", "manage-realm", "manage-clients", manageUsers, "impersonation"} {
		users, err := p.query(ctx, url.Values{"max": {"100"}, "briefRepresentation": {"true"}}, "clients", text(owner, "id"), "roles", role, "users")
		if err != nil {
			return err
		}
		for _, u := range users {
			if text(u, "username") != "service-account-"+strings.ToLower(p.want.Gate.ID) {
				found[text(u, "id")] = true
			}
		}
	}
	if len(found) > 0 {
		p.warning("%d accounts of this realm administer it; the gate's account could set their passwords: let administrators live in another realm", len(found))
	}
	return nil
}
