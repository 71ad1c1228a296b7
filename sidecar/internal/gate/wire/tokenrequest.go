package wire

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Grant is a grant_type of the token endpoint.
type Grant string

// The grants that Keycloak knows and that may ever pass.
const (
	GrantCode    Grant = "authorization_code"
	GrantRefresh Grant = "refresh_token"
	GrantClient  Grant = "client_credentials"
	GrantDevice  Grant = "urn:ietf:params:oauth:grant-type:device_code"
	GrantCIBA    Grant = "urn:openid:params:grant-type:ciba"
	GrantTrade   Grant = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// Opens returns the word that must be open for the grant, and whether the
// grant may ever pass. Password, JWT bearer, UMA and unknown grants never do.
func (g Grant) Opens() (word Word, known bool) {
	switch g {
	case GrantCode, GrantRefresh, GrantClient:
		return "", true
	case GrantDevice:
		return OpenDevice, true
	case GrantCIBA:
		return OpenCIBA, true
	case GrantTrade:
		return OpenExchange, true
	default:
		return "", false
	}
}

// TokenRequest is a request to the token endpoint.
type TokenRequest struct {
	Grant   Grant
	Client  string      // as claimed; Keycloak authenticates it
	Code    string      // of an authorization_code grant
	Session account.SID // as claimed by code, refresh or subject token; a hint, "" if unknown
	Params  Params      // what is sent on
}

// ReadTokenRequest reads a token request as Keycloak does: parameters in the
// body alone, none given twice (but audience and resource, RFC 8693). The
// client must be the same wherever it is named.
func ReadTokenRequest(h http.Header, body []byte) (TokenRequest, error) {
	form, err := ParseForm(h, body)
	if err != nil {
		return TokenRequest{}, err
	}
	if err := form.requireOnce("audience", "resource"); err != nil {
		return TokenRequest{}, err
	}
	t := TokenRequest{Grant: Grant(form.Get("grant_type")), Params: form}
	if t.Client, err = readClient(h, form); err != nil {
		return TokenRequest{}, err
	}
	switch t.Grant {
	case GrantCode:
		t.Code = form.Get("code")
		t.Session = ParseCode(t.Code).Session
	case GrantRefresh:
		t.Session = claimedSession(form.Get("refresh_token"))
	case GrantTrade:
		t.Session = claimedSession(form.Get("subject_token"))
	}
	return t, nil
}

// readClient looks where Keycloak's client authenticators do: HTTP Basic
// (RFC 6749 section 2.3.1), client_id, and the subject of client_assertion.
func readClient(h http.Header, form Params) (string, error) {
	var names []string
	if form.Has("client_id") {
		names = append(names, form.Get("client_id"))
	}
	if assertion := form.Get("client_assertion"); assertion != "" {
		c, err := readClaims(assertion)
		if err != nil || c.text("sub") == "" {
			return "", ErrUnreadable
		}
		names = append(names, c.text("sub"))
	}
	basic, ok, err := basicClient(h)
	if err != nil {
		return "", err
	}
	if ok {
		names = append(names, basic)
	}
	if len(names) == 0 {
		return "", nil
	}
	for _, n := range names {
		if n != names[0] {
			return "", ErrDuplicate
		}
	}
	return names[0], nil
}

// basicClient reads the user of HTTP Basic. A second Authorization header is
// an error; another scheme names no client.
func basicClient(h http.Header) (string, bool, error) {
	lines := h["Authorization"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 {
		return "", false, ErrDuplicate
	}
	scheme, rest, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false, nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", false, ErrParams
	}
	user, _, ok := strings.Cut(string(raw), ":")
	if !ok {
		return "", false, ErrParams
	}
	if user, err = url.QueryUnescape(user); err != nil {
		return "", false, ErrParams
	}
	return user, true, nil
}

// claimedSession reads the `sid` of a token, "" if there is none to read.
func claimedSession(token string) account.SID {
	c, err := readClaims(token)
	if err != nil {
		return ""
	}
	return account.SID(c.text("sid"))
}
