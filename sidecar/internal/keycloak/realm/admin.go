package realm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// callDeadline bounds one call. A realm of many clients answers slowly.
const callDeadline = 30 * time.Second

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 64 << 20

// Login is how an administrator signs in: as a user of the realm master (or
// another), or as a client with a service account.
type Login struct {
	Realm    string // where the administrator lives; "" = master
	User     string // with Password
	Password string
	Client   string // with Secret; used when User is empty
	Secret   string
}

// Admin is an administrator's hand on one realm.
type Admin struct {
	URL   *url.URL // Keycloak's own address with the relative path
	Realm string   // the realm that is prepared
	Login Login
	HTTP  http.RoundTripper
	Now   func() time.Time

	token string
	ends  time.Time
}

// Refusal is an answer other than 2xx.
type Refusal struct {
	Method, Path string
	Code         int
	Message      string // Keycloak's own, at most 200 bytes
}

// Error says what was refused, and what usually helps.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s %s: Keycloak answered %d %s", r.Method, r.Path, r.Code, r.Message)
	if r.Code == http.StatusForbidden {
		text += ": the administrator needs the roles manage-realm, manage-clients and manage-users of this realm"
	}
	return text
}

type object = map[string]any

func (a *Admin) get(ctx context.Context, out any, path ...string) error {
	return a.call(ctx, http.MethodGet, a.place(path), nil, out)
}

func (a *Admin) put(ctx context.Context, in any, path ...string) error {
	return a.call(ctx, http.MethodPut, a.place(path), in, nil)
}

func (a *Admin) post(ctx context.Context, in any, path ...string) error {
	return a.call(ctx, http.MethodPost, a.place(path), in, nil)
}

func (a *Admin) remove(ctx context.Context, in any, path ...string) error {
	return a.call(ctx, http.MethodDelete, a.place(path), in, nil)
}

// place returns the URL of a place below the realm; every segment means itself.
func (a *Admin) place(path []string) *url.URL {
	segments := []string{"admin", "realms", url.PathEscape(a.Realm)}
	for _, s := range path {
		segments = append(segments, url.PathEscape(s))
	}
	return a.URL.JoinPath(segments...)
}

// query returns the objects of a list that a query selects.
func (a *Admin) query(ctx context.Context, values url.Values, path ...string) ([]object, error) {
	var out []object
	u := a.place(path)
	u.RawQuery = values.Encode()
	err := a.call(ctx, http.MethodGet, u, nil, &out)
	return out, err
}

func (a *Admin) call(ctx context.Context, method string, u *url.URL, in, out any) error {
	token, err := a.signIn(ctx)
	if err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, u.Path, err)
		}
		body = bytes.NewReader(encoded)
	}
	return a.send(ctx, method, u, "application/json", "Bearer "+token, body, out)
}

func (a *Admin) send(ctx context.Context, method string, u *url.URL, kind, authorization string, body io.Reader, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := a.HTTP.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, u.Path, err)
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	decoder.UseNumber() // what is written back must be what was read
	if response.StatusCode/100 != 2 {
		return &Refusal{Method: method, Path: u.Path, Code: response.StatusCode, Message: reason(decoder)}
	}
	if out == nil {
		return nil
	}
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, u.Path, err)
	}
	return nil
}

// reason returns what Keycloak says about a refusal.
func reason(decoder *json.Decoder) string {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Message     string `json:"errorMessage"`
	}
	if decoder.Decode(&said) != nil {
		return ""
	}
	text := strings.Join(strings.Fields(said.Error+" "+said.Description+" "+said.Message), " ")
	return text[:min(len(text), 200)]
}

// signIn returns a token that is good for at least another half of its life.
func (a *Admin) signIn(ctx context.Context) (string, error) {
	if a.token != "" && a.Now().Before(a.ends) {
		return a.token, nil
	}
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {a.Login.User}, "password": {a.Login.Password}}
	if a.Login.User == "" {
		form = url.Values{"grant_type": {"client_credentials"}, "client_id": {a.Login.Client}, "client_secret": {a.Login.Secret}}
	}
	realm := a.Login.Realm
	if realm == "" {
		realm = "master"
	}
	var answer struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"`
	}
	u := a.URL.JoinPath("realms", url.PathEscape(realm), "protocol", "openid-connect", "token")
	asked := a.Now()
	err := a.send(ctx, http.MethodPost, u, "application/x-www-form-urlencoded", "", strings.NewReader(form.Encode()), &answer)
	if err != nil {
		return "", fmt.Errorf("signing in as administrator: %w", err)
	}
	a.token, a.ends = answer.Token, asked.Add(time.Duration(answer.Life)*time.Second/2)
	return a.token, nil
}
