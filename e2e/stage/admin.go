package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Admin speaks Keycloak's Admin REST API as the master realm's administrator:
// it sets scenes and looks behind them. It is not how Schleuse does it.
type Admin struct {
	URL   string // of the server, without /admin
	Realm string // the realm that paths are relative to

	mu      sync.Mutex
	token   string
	expires time.Time
}

// In returns an Admin for another realm of the same server.
func (a *Admin) In(realm string) *Admin { return &Admin{URL: a.URL, Realm: realm} }

// StatusError is an answer other than 2xx.
type StatusError struct {
	Method, Path string
	Status       int
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Body)
}

// Do calls path below /admin/realms/REALM ("" is the realm itself), sends in
// as JSON unless nil and decodes the answer into out unless nil. An answer
// that is not 2xx is a *StatusError. The returned header carries Location.
func (a *Admin) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	token, err := a.accessToken(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing in as administrator: %w", err)
	}
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	target := a.URL + "/admin/realms/" + a.Realm + strings.TrimSuffix("/"+path, "/")
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	return send(request, path, out)
}

// adminPatience bounds one call; a new realm makes keys, on a busy machine for
// half a minute.
const adminPatience = 2 * time.Minute

func send(request *http.Request, path string, out any) (http.Header, error) {
	client := &http.Client{Timeout: adminPatience}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, &StatusError{Method: request.Method, Path: path, Status: response.StatusCode, Body: string(text)}
	}
	if out == nil {
		return response.Header, nil
	}
	return response.Header, json.Unmarshal(text, out)
}

// accessToken renews the administrator's token half a minute before its time.
func (a *Admin) accessToken(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Until(a.expires) > 30*time.Second {
		return a.token, nil
	}
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {AdminName}, "password": {AdminPassword}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		a.URL+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if _, err := send(request, "token", &answer); err != nil {
		return "", err
	}
	a.token, a.expires = answer.AccessToken, time.Now().Add(time.Duration(answer.ExpiresIn)*time.Second)
	return a.token, nil
}

// UserID finds the account with exactly this user name, in any case.
func (a *Admin) UserID(ctx context.Context, username string) (string, error) {
	if username == "" {
		return "", fmt.Errorf("no user name given")
	}
	var users []struct{ ID string }
	query := url.Values{"username": {username}, "exact": {"true"}}
	if _, err := a.Do(ctx, http.MethodGet, "users?"+query.Encode(), nil, &users); err != nil {
		return "", err
	}
	if len(users) != 1 {
		return "", fmt.Errorf("user name found %d times", len(users))
	}
	return users[0].ID, nil
}

// role reads a realm role; mappings need both its id and its name.
func (a *Admin) role(ctx context.Context, name string) (map[string]any, error) {
	var role map[string]any
	_, err := a.Do(ctx, http.MethodGet, "roles/"+url.PathEscape(name), nil, &role)
	return role, err
}

// Grant maps a realm role to the account directly.
func (a *Admin) Grant(ctx context.Context, username, role string) error {
	return a.mapRole(ctx, http.MethodPost, username, role)
}

// Withdraw removes the direct mapping of a realm role. Sessions stay.
func (a *Admin) Withdraw(ctx context.Context, username, role string) error {
	return a.mapRole(ctx, http.MethodDelete, username, role)
}

func (a *Admin) mapRole(ctx context.Context, method, username, name string) error {
	id, err := a.UserID(ctx, username)
	if err != nil {
		return err
	}
	role, err := a.role(ctx, name)
	if err != nil {
		return err
	}
	_, err = a.Do(ctx, method, "users/"+id+"/role-mappings/realm", []map[string]any{role}, nil)
	return err
}

// HasRole says whether the account has the realm role by direct mapping.
func (a *Admin) HasRole(ctx context.Context, username, name string) (bool, error) {
	id, err := a.UserID(ctx, username)
	if err != nil {
		return false, err
	}
	var roles []struct{ Name string }
	if _, err := a.Do(ctx, http.MethodGet, "users/"+id+"/role-mappings/realm", nil, &roles); err != nil {
		return false, err
	}
	for _, role := range roles {
		if role.Name == name {
			return true, nil
		}
	}
	return false, nil
}

// Sessions counts the account's online sessions.
func (a *Admin) Sessions(ctx context.Context, username string) (int, error) {
	id, err := a.UserID(ctx, username)
	if err != nil {
		return 0, err
	}
	var sessions []struct{ ID string }
	_, err = a.Do(ctx, http.MethodGet, "users/"+id+"/sessions", nil, &sessions)
	return len(sessions), err
}

// CreateUser adds an account with a permanent password and realm roles.
func (a *Admin) CreateUser(ctx context.Context, username, password string, roles ...string) error {
	user := map[string]any{
		"username": username, "enabled": true, "firstName": "Test", "lastName": "Person",
		"email": username + "@kasse.example", "emailVerified": true,
		"credentials": []map[string]any{{"type": "password", "value": password, "temporary": false}},
	}
	if _, err := a.Do(ctx, http.MethodPost, "users", user, nil); err != nil {
		return err
	}
	for _, role := range roles {
		if err := a.Grant(ctx, username, role); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUser removes the account with all its sessions.
func (a *Admin) DeleteUser(ctx context.Context, username string) error {
	id, err := a.UserID(ctx, username)
	if err != nil {
		return err
	}
	_, err = a.Do(ctx, http.MethodDelete, "users/"+id, nil, nil)
	return err
}

// CreateClient adds an OIDC client from Keycloak's own representation.
func (a *Admin) CreateClient(ctx context.Context, client map[string]any) error {
	_, err := a.Do(ctx, http.MethodPost, "clients", client, nil)
	return err
}

// EditClient reads the whole client, lets edit change it, and writes it back.
func (a *Admin) EditClient(ctx context.Context, clientID string, edit func(map[string]any)) error {
	client, err := a.client(ctx, clientID)
	if err != nil {
		return err
	}
	edit(client)
	_, err = a.Do(ctx, http.MethodPut, fmt.Sprintf("clients/%v", client["id"]), client, nil)
	return err
}

// DeleteClient removes an OIDC client.
func (a *Admin) DeleteClient(ctx context.Context, clientID string) error {
	client, err := a.client(ctx, clientID)
	if err != nil {
		return err
	}
	_, err = a.Do(ctx, http.MethodDelete, fmt.Sprintf("clients/%v", client["id"]), nil, nil)
	return err
}

func (a *Admin) client(ctx context.Context, clientID string) (map[string]any, error) {
	var clients []map[string]any
	query := url.Values{"clientId": {clientID}}
	if _, err := a.Do(ctx, http.MethodGet, "clients?"+query.Encode(), nil, &clients); err != nil {
		return nil, err
	}
	if len(clients) != 1 {
		return nil, fmt.Errorf("client %s found %d times", clientID, len(clients))
	}
	return clients[0], nil
}

// EditRealm reads the whole realm, lets edit change it, and writes it back: a
// part of a realm would reset what it leaves out.
func (a *Admin) EditRealm(ctx context.Context, edit func(map[string]any)) error {
	var realm map[string]any
	if _, err := a.Do(ctx, http.MethodGet, "", nil, &realm); err != nil {
		return err
	}
	edit(realm)
	_, err := a.Do(ctx, http.MethodPut, "", realm, nil)
	return err
}

// DropRealm removes the realm with all that is in it, if there is one.
func (a *Admin) DropRealm(ctx context.Context) error {
	_, err := a.Do(ctx, http.MethodDelete, "", nil, nil)
	if status := (*StatusError)(nil); errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil
	}
	return err
}
