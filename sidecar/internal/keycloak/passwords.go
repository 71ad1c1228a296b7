package keycloak

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/schleuse/schleuse/sidecar/account"
)

// refusedPassword is how Keycloak's message keys for a refused password begin.
// The key stands in `error`, its figures in the English `error_description`.
const refusedPassword = "invalidPassword"

// maxFigures is how many figures of a rule are read.
const maxFigures = 4

var figure = regexp.MustCompile(`[0-9]{1,6}`)

// Create makes an account. Keycloak takes account and password in one request,
// and keeps nothing of a refused one.
func (c *Client) Create(ctx context.Context, n account.New) (account.ID, error) {
	if n.Number == "" || n.Password == "" {
		return "", errors.New("an account without a number or a password")
	}
	id, err := c.create(ctx, n)
	if n.Mail != "" && conflict(err, "same email") {
		n.Mail = ""
		id, err = c.create(ctx, n)
	}
	if conflict(err, "same username") {
		return "", account.ErrExists
	}
	return id, err
}

func (c *Client) create(ctx context.Context, n account.New) (account.ID, error) {
	user := gocloak.User{
		Username: gocloak.StringP(n.Number.Username()), Enabled: gocloak.BoolP(true),
		Credentials: &[]gocloak.CredentialRepresentation{{
			Type: gocloak.StringP(passwordType), Value: gocloak.StringP(n.Password), Temporary: gocloak.BoolP(false),
		}},
	}
	for text, into := range map[string]**string{n.Given: &user.FirstName, n.Surname: &user.LastName, n.Mail: &user.Email} {
		if text != "" {
			*into = gocloak.StringP(text)
		}
	}
	var id account.ID
	err := c.write(ctx, "making an account", func(ctx context.Context, t *token) error {
		response, err := c.api.GetRequestWithBearerAuth(ctx, t.access).SetBody(user).Post(c.admin("users"))
		if err != nil {
			return err
		}
		if response.StatusCode() != http.StatusCreated {
			return refusalOf(response.StatusCode(), response.Error())
		}
		location := response.Header().Get("Location")
		made := location[strings.LastIndexByte(location, '/')+1:]
		if !plainID(made) {
			return errGarbage
		}
		id = account.ID(made)
		return nil
	})
	return id, err
}

// SetPassword gives the account a password that stays.
func (c *Client) SetPassword(ctx context.Context, id account.ID, password string) error {
	if password == "" {
		return errors.New("an empty password")
	}
	if err := c.changeable(ctx, id); err != nil {
		return err
	}
	body := map[string]any{"type": passwordType, "value": password, "temporary": false}
	err := c.write(ctx, "setting a password", func(ctx context.Context, t *token) error {
		response, err := c.api.GetRequestWithBearerAuth(ctx, t.access).SetBody(body).
			Put(c.admin("users", string(id), "reset-password"))
		if err != nil {
			return err
		}
		if response.StatusCode() != http.StatusNoContent {
			return refusalOf(response.StatusCode(), response.Error())
		}
		return nil
	})
	if gone(err, "User") {
		return account.ErrNotFound
	}
	return err
}

// changeable reports why the account may not be changed: there is none, or it
// is exempt.
func (c *Client) changeable(ctx context.Context, id account.ID) error {
	roles, err := c.roles(ctx, id)
	if err == nil && c.exempt(roles) {
		return account.ErrExempt
	}
	return err
}

// EndAll ends the online sessions by one call, which also makes every token
// stale that was issued before, and then each offline session by its id.
func (c *Client) EndAll(ctx context.Context, id account.ID) error {
	if err := c.changeable(ctx, id); err != nil {
		return err
	}
	err := c.write(ctx, "ending all sessions", func(ctx context.Context, t *token) error {
		return c.api.LogoutAllSessions(ctx, t.access, c.Realm, string(id))
	})
	switch {
	case gone(err, "User"):
		return account.ErrNotFound
	case err != nil:
		return err
	}
	clients, err := c.offlineClients(ctx, id)
	if err != nil {
		return err
	}
	for _, client := range clients {
		sessions, err := c.offline(ctx, id, client)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if err := c.End(ctx, account.SID(gocloak.PString(s.ID))); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusalOf reads why an account or a password was refused. The answer's text
// goes no further: only its message key and figures.
func refusalOf(code int, body any) error {
	e, ok := body.(*gocloak.HTTPErrorResponse)
	if ok && code == http.StatusBadRequest && strings.HasPrefix(e.Error, refusedPassword) && len(e.Error) <= 64 {
		out := &account.PasswordError{Key: e.Error}
		for _, digits := range figure.FindAllString(e.Description, maxFigures) {
			n, err := strconv.Atoi(digits)
			if err != nil {
				break
			}
			out.Numbers = append(out.Numbers, n)
		}
		return out
	}
	return statusOf(code, body)
}

func conflict(err error, what string) bool {
	var status *Status
	return errors.As(err, &status) && status.Code == http.StatusConflict && strings.Contains(status.body, what)
}
