package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/schleuse/schleuse/sidecar/account"
)

// maxOfflineClients is for how many clients offline sessions are looked up.
const maxOfflineClients = 20

// offlineGrant is what Keycloak calls a client's offline session in a list of consents.
const offlineGrant = "Offline Token"

// Alive looks among the account's online sessions, then among the offline ones.
func (c *Client) Alive(ctx context.Context, id account.ID, sid account.SID) (bool, error) {
	if !plainID(string(id)) || !plainID(string(sid)) {
		return false, nil
	}
	sessions, err := c.online(ctx, id)
	switch {
	case gone(err, "User"):
		return false, nil
	case err != nil:
		return false, err
	case find(sessions, id, sid) != nil:
		return true, nil
	}
	return c.aliveOffline(ctx, id, sid)
}

// Began reads the start of an online session.
func (c *Client) Began(ctx context.Context, id account.ID, sid account.SID) (time.Time, error) {
	if !plainID(string(id)) || !plainID(string(sid)) {
		return time.Time{}, nil
	}
	sessions, err := c.online(ctx, id)
	switch {
	case gone(err, "User"):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	s := find(sessions, id, sid)
	if s == nil || s.Start == nil {
		return time.Time{}, nil
	}
	return time.UnixMilli(*s.Start), nil
}

func (c *Client) online(ctx context.Context, id account.ID) (sessions []*gocloak.UserSessionRepresentation, err error) {
	err = c.read(ctx, "reading an account's sessions", func(ctx context.Context, t *token) (err error) {
		sessions, err = c.api.GetUserSessions(ctx, t.access, c.Realm, string(id))
		return list(sessions, err)
	})
	return sessions, err
}

func (c *Client) aliveOffline(ctx context.Context, id account.ID, sid account.SID) (bool, error) {
	clients, err := c.offlineClients(ctx, id)
	if err != nil {
		return false, err
	}
	for _, client := range clients {
		sessions, err := c.offline(ctx, id, client)
		if err != nil {
			return false, err
		}
		if find(sessions, id, sid) != nil {
			return true, nil
		}
	}
	return false, nil
}

// offline returns the account's offline sessions at one client.
func (c *Client) offline(ctx context.Context, id account.ID, client string) (sessions []*gocloak.UserSessionRepresentation, err error) {
	err = c.read(ctx, "reading an account's offline sessions", func(ctx context.Context, t *token) (err error) {
		sessions, err = c.api.GetUserOfflineSessionsForClient(ctx, t.access, c.Realm, string(id), client)
		return list(sessions, err)
	})
	return sessions, err
}

// offlineClients returns the ids of the clients with an offline session of
// this account. The list of consents is the only one that tells them to an
// account without view-clients.
func (c *Client) offlineClients(ctx context.Context, id account.ID) ([]string, error) {
	type consent struct {
		Additional []struct {
			Client string `json:"client"`
			Key    string `json:"key"`
		} `json:"additionalGrants"`
	}
	var consents []*consent
	err := c.read(ctx, "looking for offline sessions", func(ctx context.Context, t *token) error {
		response, err := c.api.GetRequestWithBearerAuth(ctx, t.access).SetResult(&consents).Get(c.admin("users", string(id), "consents"))
		if err != nil {
			return err
		}
		if response.IsError() {
			return statusOf(response.StatusCode(), response.Error())
		}
		return list(consents, nil)
	})
	if gone(err, "User") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, cn := range consents {
		for _, grant := range cn.Additional {
			if grant.Key == offlineGrant && plainID(grant.Client) && !slices.Contains(out, grant.Client) {
				out = append(out, grant.Client)
			}
		}
	}
	if len(out) > maxOfflineClients {
		return nil, fmt.Errorf("the account has offline sessions of %d clients, at most %d are handled", len(out), maxOfflineClients)
	}
	return out, nil
}

func find(sessions []*gocloak.UserSessionRepresentation, id account.ID, sid account.SID) *gocloak.UserSessionRepresentation {
	i := slices.IndexFunc(sessions, func(s *gocloak.UserSessionRepresentation) bool {
		return gocloak.PString(s.ID) == string(sid) && gocloak.PString(s.UserID) == string(id)
	})
	if i < 0 {
		return nil
	}
	return sessions[i]
}

// End ends a session, online and offline: each lives without the other.
func (c *Client) End(ctx context.Context, sid account.SID) error {
	if !plainID(string(sid)) {
		return nil
	}
	for _, offline := range []string{"false", "true"} {
		err := c.write(ctx, "ending a session", func(ctx context.Context, t *token) error {
			response, err := c.api.GetRequestWithBearerAuth(ctx, t.access).
				SetQueryParam("isOffline", offline).Delete(c.admin("sessions", string(sid)))
			if err != nil {
				return err
			}
			if response.StatusCode() != http.StatusNoContent {
				return statusOf(response.StatusCode(), response.Error())
			}
			return nil
		})
		if err != nil && !gone(err, "Session") {
			return err
		}
	}
	return nil
}

// statusOf makes the same error of a raw call as explain makes of gocloak's.
func statusOf(code int, body any) error {
	s := &Status{Code: code, Reason: usual(code)}
	if e, ok := body.(*gocloak.HTTPErrorResponse); ok {
		s.body = ": " + e.String()
	}
	return s
}
