package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxName is the longest user name and mail address that Keycloak stores.
const maxName = 255

// Find returns the account whose user name is this number.
func (c *Client) Find(ctx context.Context, number member.KVNR) (account.Account, error) {
	if number == "" { // an empty user name would answer with everybody
		return account.Account{}, account.ErrNotFound
	}
	users, err := c.users(ctx, gocloak.GetUsersParams{Username: gocloak.StringP(number.Username())})
	if err != nil {
		return account.Account{}, err
	}
	for _, u := range users {
		if a := accountOf(u); a.Is(number) {
			return a, nil
		}
	}
	return account.Account{}, account.ErrNotFound
}

// Named returns the accounts with this user name or mail address. Where a realm
// lets several have one address, Keycloak lets nobody sign in by it.
func (c *Client) Named(ctx context.Context, name string) ([]account.Account, error) {
	if name == "" || len(name) > maxName {
		return nil, nil
	}
	name = strings.ToLower(name) // as Keycloak stores both
	by := []gocloak.GetUsersParams{{Username: &name}}
	if strings.Contains(name, "@") {
		by = append(by, gocloak.GetUsersParams{Email: &name})
	}
	var found []account.Account
	for _, params := range by {
		users, err := c.users(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			found = append(found, accountOf(u))
		}
	}
	return found, nil
}

// users reads the accounts to which params fit exactly, two at the most.
func (c *Client) users(ctx context.Context, params gocloak.GetUsersParams) (users []*gocloak.User, err error) {
	params.Exact, params.BriefRepresentation, params.Max = gocloak.BoolP(true), gocloak.BoolP(true), gocloak.IntP(2)
	err = c.read(ctx, "finding an account", func(ctx context.Context, t *token) (err error) {
		users, err = c.api.GetUsers(ctx, t.access, c.Realm, params)
		return list(users, err)
	})
	return users, err
}

// Get returns the account with this id.
func (c *Client) Get(ctx context.Context, id account.ID) (account.Account, error) {
	if !plainID(string(id)) {
		return account.Account{}, account.ErrNotFound
	}
	var user *gocloak.User
	err := c.read(ctx, "reading an account", func(ctx context.Context, t *token) (err error) {
		user, err = c.api.GetUserByID(ctx, t.access, c.Realm, string(id))
		if err == nil && gocloak.PString(user.ID) != string(id) {
			return errGarbage
		}
		return err
	})
	switch {
	case gone(err, "User"):
		return account.Account{}, account.ErrNotFound
	case err != nil:
		return account.Account{}, err
	}
	return accountOf(user), nil
}

func accountOf(u *gocloak.User) account.Account {
	return account.Account{
		ID: account.ID(gocloak.PString(u.ID)), Username: gocloak.PString(u.Username), Enabled: gocloak.PBool(u.Enabled),
		Created: created(u.CreatedTimestamp),
	}
}

// Clearance reads the account's direct realm roles. An exempt account is
// Exempt whatever other role it has.
func (c *Client) Clearance(ctx context.Context, id account.ID) (account.Clearance, error) {
	roles, err := c.roles(ctx, id)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return account.NotCleared, nil
	case err != nil:
		return account.Unknown, err
	case c.exempt(roles):
		return account.Exempt, nil
	case named(roles, c.Role) != nil:
		return account.Cleared, nil
	}
	return account.NotCleared, nil
}

// roles returns the realm roles that are mapped directly to the account.
func (c *Client) roles(ctx context.Context, id account.ID) ([]*gocloak.Role, error) {
	if !plainID(string(id)) {
		return nil, account.ErrNotFound
	}
	var roles []*gocloak.Role
	err := c.read(ctx, "reading an account's roles", func(ctx context.Context, t *token) (err error) {
		roles, err = c.api.GetRealmRolesByUserID(ctx, t.access, c.Realm, string(id))
		return list(roles, err)
	})
	if gone(err, "User") {
		return nil, account.ErrNotFound
	}
	return roles, err
}

func (c *Client) exempt(roles []*gocloak.Role) bool {
	return slices.ContainsFunc(c.Exempt, func(name string) bool { return named(roles, name) != nil })
}

func named(roles []*gocloak.Role, name string) *gocloak.Role {
	for _, r := range roles {
		if name != "" && gocloak.PString(r.Name) == name {
			return r
		}
	}
	return nil
}

// Grant gives the account the role of the identified.
func (c *Client) Grant(ctx context.Context, id account.ID) error {
	roles, err := c.roles(ctx, id)
	switch {
	case err != nil:
		return err
	case c.exempt(roles):
		return account.ErrExempt
	case named(roles, c.Role) != nil:
		return nil
	}
	failed := c.grant(ctx, id)
	if failed == nil {
		return nil
	}
	// Of two grants at the same time Keycloak refuses one, though both want what is there then.
	if roles, err := c.roles(ctx, id); err == nil && named(roles, c.Role) != nil {
		return nil
	}
	return failed
}

func (c *Client) grant(ctx context.Context, id account.ID) error {
	var available []*gocloak.Role
	err := c.read(ctx, "looking for the role of the identified", func(ctx context.Context, t *token) (err error) {
		available, err = c.api.GetAvailableRealmRolesByUserID(ctx, t.access, c.Realm, string(id))
		return list(available, err)
	})
	if err != nil {
		return err
	}
	role := named(available, c.Role)
	if role == nil || gocloak.PString(role.ID) == "" {
		return fmt.Errorf("the realm has no role %q: run schleuse realm apply", c.Role)
	}
	return c.write(ctx, "granting the role of the identified", func(ctx context.Context, t *token) error {
		// Keycloak demands id and name, and both to be right.
		return c.api.AddRealmRoleToUser(ctx, t.access, c.Realm, string(id), []gocloak.Role{{ID: role.ID, Name: role.Name}})
	})
}

// Withdraw takes the role of the identified from the account.
func (c *Client) Withdraw(ctx context.Context, id account.ID) error {
	roles, err := c.roles(ctx, id)
	if err != nil {
		return err
	}
	role := named(roles, c.Role)
	switch {
	case c.exempt(roles):
		return account.ErrExempt
	case role == nil:
		return nil
	}
	return c.write(ctx, "withdrawing the role of the identified", func(ctx context.Context, t *token) error {
		return c.api.DeleteRealmRoleFromUser(ctx, t.access, c.Realm, string(id), []gocloak.Role{{ID: role.ID, Name: role.Name}})
	})
}

// maxAuthenticators is how many are listed at most.
const maxAuthenticators = 100

const passwordType = "password"

// linkType and linkPrefix mark the link to an account of a foreign issuer. It
// signs the person in as a credential does, and can be made with the password
// alone.
const (
	linkType   = "identity-provider"
	linkPrefix = "identity-provider."
)

// Authenticators lists the account's means of signing in but the password:
// its credentials, and its links to foreign issuers, of which Keycloak does
// not know when they were made.
func (c *Client) Authenticators(ctx context.Context, id account.ID) ([]account.Authenticator, error) {
	if !plainID(string(id)) {
		return nil, account.ErrNotFound
	}
	var credentials []*gocloak.CredentialRepresentation
	var links []*gocloak.FederatedIdentityRepresentation
	err := c.read(ctx, "reading an account's authenticators", func(ctx context.Context, t *token) (err error) {
		credentials, err = c.api.GetCredentials(ctx, t.access, c.Realm, string(id))
		if err = list(credentials, err); err != nil {
			return err
		}
		links, err = c.api.GetUserFederatedIdentities(ctx, t.access, c.Realm, string(id))
		return list(links, err)
	})
	switch {
	case gone(err, "User"):
		return nil, account.ErrNotFound
	case err != nil:
		return nil, err
	}
	out := authenticators(credentials, links)
	if len(out) > maxAuthenticators {
		return nil, fmt.Errorf("the account has %d authenticators, at most %d are handled", len(out), maxAuthenticators)
	}
	return out, nil
}

func authenticators(credentials []*gocloak.CredentialRepresentation, links []*gocloak.FederatedIdentityRepresentation) []account.Authenticator {
	var out []account.Authenticator
	for _, cr := range credentials {
		kind := gocloak.PString(cr.Type)
		if kind == passwordType {
			continue
		}
		out = append(out, account.Authenticator{
			ID: gocloak.PString(cr.ID), Type: kind, Label: gocloak.PString(cr.UserLabel),
			Created: created(cr.CreatedDate),
		})
	}
	for _, l := range links {
		alias := gocloak.PString(l.IdentityProvider)
		out = append(out, account.Authenticator{
			ID: linkPrefix + alias, Type: linkType, Label: alias + ", " + gocloak.PString(l.UserName),
		})
	}
	return out
}

// created is when an account or a credential was made; the zero time when Keycloak does not
// know, which is no old age.
func created(millis *int64) time.Time {
	if millis == nil || *millis <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(*millis)
}

// RemoveAuthenticator removes one of those that Authenticators lists.
func (c *Client) RemoveAuthenticator(ctx context.Context, id account.ID, authenticator string) error {
	if err := c.changeable(ctx, id); err != nil {
		return err
	}
	present, err := c.Authenticators(ctx, id)
	if err != nil {
		return err
	}
	// Only what is on the list: an id of the password's would lock the person out.
	if !slices.ContainsFunc(present, func(a account.Authenticator) bool { return a.ID == authenticator }) {
		return nil
	}
	if alias, ok := strings.CutPrefix(authenticator, linkPrefix); ok {
		return c.unlink(ctx, id, alias)
	}
	if !plainID(authenticator) {
		return nil
	}
	err = c.write(ctx, "removing an authenticator", func(ctx context.Context, t *token) error {
		return c.api.DeleteCredentials(ctx, t.access, c.Realm, string(id), authenticator)
	})
	if gone(err, "Credential") {
		return nil
	}
	return err
}

// unlink takes away the link to a foreign issuer.
func (c *Client) unlink(ctx context.Context, id account.ID, alias string) error {
	err := c.write(ctx, "removing a link to a foreign issuer", func(ctx context.Context, t *token) error {
		return c.api.DeleteUserFederatedIdentity(ctx, t.access, c.Realm, string(id), url.PathEscape(alias))
	})
	if gone(err, "Link") {
		return nil
	}
	return err
}

// list demands that a list was really answered: gocloak leaves it nil when the
// answer was no JSON.
func list[T any](items []*T, err error) error {
	if err == nil && items == nil {
		return errGarbage
	}
	for _, item := range items {
		if item == nil {
			return errGarbage
		}
	}
	return err
}
