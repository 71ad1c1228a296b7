package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Names of parameters of an authorization request that the gate touches.
const (
	paramAction     = "kc_action"
	paramPrompt     = "prompt"
	paramHint       = "login_hint"
	paramObject     = "request"
	paramRequestURI = "request_uri"
	paramMaxAge     = "max_age"
	paramACR        = "acr_values"
	paramJKT        = "dpop_jkt"
)

// EnrolACR is the value of acr_values by which an app asks for an enrolment.
// It is the gate's own: Keycloak never gets it.
const EnrolACR = "urn:schleuse:enrol"

// pushedPrefix begins the request_uri of RFC 9126 as Keycloak issues it.
const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// ObjectKind says in which form an authorization request comes.
type ObjectKind uint8

// The forms. Hidden means that parameters stand where the gate cannot read
// them: an encrypted or broken object, or an address that Keycloak would
// fetch. What cannot be read may carry anything.
const (
	NoObject ObjectKind = iota
	Signed              // `request` with a readable JWS, its signature unverified
	Pushed              // `request_uri` of a pushed request
	Hidden
)

// Authorization is what an authorization request, or the body of a pushed
// one, asks for. Values of a request object win over those beside it, as in
// Keycloak; but kc_action counts wherever it stands.
type Authorization struct {
	Client, RedirectURI, ResponseType, ResponseMode, State, Scope string

	Object     ObjectKind
	RequestURI string
	Prompt     []string // split at blanks
	Action     bool     // kc_action stands somewhere that can be read
	Inside     bool     // kc_action stands inside the signed object, where it cannot be removed
	Params     Params   // query of a GET, body of a POST: what Keycloak reads
	Query      Params   // the query of a POST, which Keycloak ignores
}

// ReadAuthorization reads a request to the auth endpoint. Keycloak takes the
// query of a GET and the body of a POST; a parameter given twice is
// ErrDuplicate.
func ReadAuthorization(method string, t Target, h http.Header, body []byte) (Authorization, error) {
	query, err := ParseParams(t.Query)
	if err != nil {
		return Authorization{}, err
	}
	if method != http.MethodPost {
		return readAuthorization(query, nil)
	}
	form, err := ParseForm(h, body)
	if err != nil {
		return Authorization{}, err
	}
	return readAuthorization(form, query)
}

// ReadPushed reads the body of a pushed authorization request. Its client is
// the one that authenticates, wherever it is named, as at the token endpoint.
func ReadPushed(h http.Header, body []byte) (Authorization, error) {
	form, err := ParseForm(h, body)
	if err != nil {
		return Authorization{}, err
	}
	a, err := readAuthorization(form, nil)
	if err != nil {
		return Authorization{}, err
	}
	client, err := readClient(h, form)
	if err != nil {
		return Authorization{}, err
	}
	if client != "" {
		a.Client = client
	}
	return a, nil
}

func readAuthorization(params, ignored Params) (Authorization, error) {
	if err := params.requireOnce("resource"); err != nil {
		return Authorization{}, err
	}
	a := Authorization{Params: params, Query: ignored}
	a.Action = params.Has(paramAction) || ignored.Has(paramAction)
	object, err := a.readObject()
	if err != nil {
		return Authorization{}, err
	}
	value := func(name string) string {
		if object.has(name) {
			return object.text(name)
		}
		return params.Get(name)
	}
	a.Client, a.RedirectURI, a.State, a.Scope = value("client_id"), value("redirect_uri"), value("state"), value("scope")
	a.ResponseType, a.ResponseMode = value("response_type"), value("response_mode")
	a.Prompt = words(value(paramPrompt))
	if object.has(paramAction) {
		a.Action, a.Inside = true, true
	}
	return a, nil
}

// readObject finds out in which form the request comes, and reads a signed
// object. Keycloak refuses both forms at once; so does this.
func (a *Authorization) readObject() (claims, error) {
	object, uri := a.Params.Get(paramObject), a.Params.Get(paramRequestURI)
	switch {
	case object != "" && uri != "":
		return nil, ErrParams
	case uri != "":
		a.RequestURI, a.Object = uri, Hidden
		if strings.HasPrefix(uri, pushedPrefix) {
			a.Object = Pushed
		}
		return nil, nil
	case object != "":
		c, err := readClaims(object)
		if err != nil || c.has(paramObject) || c.has(paramRequestURI) {
			a.Object = Hidden
			return nil, nil
		}
		a.Object = Signed
		return c, nil
	default:
		return nil, nil
	}
}

// words splits at blanks alone, as Keycloak does: a tab does not separate.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' })
}

// Asks reports whether prompt has the value.
func (a *Authorization) Asks(prompt string) bool { return contains(a.Prompt, prompt) }

// Upstream returns the parameters for Keycloak with this login_hint, "" for
// none: never the client's own, and never prompt=create, which registers an
// account. keepAction lets kc_action pass.
func (a *Authorization) Upstream(hint string, keepAction bool) Params {
	p := a.Params.With(paramHint, hint)
	if !keepAction {
		p = p.Without(paramAction)
	}
	return p.drop(paramACR, EnrolACR).drop(paramPrompt, "create")
}

// Observed returns the parameters as they came, without what is the gate's own.
func (a *Authorization) Observed() Params { return a.Params.drop(paramACR, EnrolACR) }

// JKT returns the thumbprint of the key of the phone for which an enrolment is
// asked (RFC 9449 section 10, RFC 7638), "" if none is asked for where that
// can be taken out, or for no key. Beside a request object Keycloak reads what
// stands inside it, so there nothing is. Keycloak gets the thumbprint too, and
// binds the code to the key.
func (a *Authorization) JKT() string {
	if a.Object != NoObject || !contains(words(a.Params.Get(paramACR)), EnrolACR) {
		return ""
	}
	jkt := a.Params.Get(paramJKT)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(jkt); err != nil || len(raw) != sha256.Size || len(jkt) != jktLength {
		return ""
	}
	return jkt
}

// jktLength is the length of a SHA-256 in base64url. The decoder alone would
// let line breaks pass.
const jktLength = 43

// Silent returns the parameters with prompt=none: Keycloak then answers at
// once, in the client's response mode.
func (a *Authorization) Silent() Params {
	return a.Params.Without(paramHint, paramAction).drop(paramACR, EnrolACR).With(paramPrompt, "none")
}

// Again returns the parameters that repeat the request for somebody who has
// just signed in, without what would ask for the password a second time. That
// an enrolment is asked for stays. keepAction lets kc_action pass.
func (a *Authorization) Again(keepAction bool) Params {
	p := a.Params.Without(paramHint, paramMaxAge, paramACR)
	if a.JKT() != "" {
		p = p.With(paramACR, EnrolACR)
	}
	if !keepAction {
		p = p.Without(paramAction)
	}
	return p.drop(paramPrompt, "login", "create")
}

// drop removes words of a parameter and keeps the rest of it.
func (p Params) drop(name string, values ...string) Params {
	all := words(p.Get(name))
	kept := slices.DeleteFunc(slices.Clone(all), func(v string) bool { return contains(values, v) })
	if len(kept) == len(all) {
		return p
	}
	return p.With(name, strings.Join(kept, " "))
}
