package gate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// oauthFault is an error of the token endpoint or of pushed requests (RFC
// 6749 section 5.2).
type oauthFault struct {
	status int
	code   string
	cause  error
}

// Error describes the failure for the log.
func (f *oauthFault) Error() string { return f.code + ": " + f.cause.Error() }

// Unwrap returns the cause.
func (f *oauthFault) Unwrap() error { return f.cause }

func oauthFailure(code string, cause error) error {
	return &oauthFault{status: http.StatusBadRequest, code: code, cause: cause}
}

func invalidGrant(cause error) error {
	return oauthFailure("invalid_grant", cause)
}

// oauthError writes the error as Keycloak does. from holds Keycloak's headers
// where it has answered already; the cause is for the log alone.
func (h *handler) oauthError(w http.ResponseWriter, r *http.Request, from http.Header, err error) {
	h.Log.InfoContext(r.Context(), "refused an OAuth request", "error", err)
	f := asOAuth(err)
	header := w.Header()
	allowOrigin(header, r, from)
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	if f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests {
		header.Set("Retry-After", strconv.Itoa(int(retryLater/time.Second)))
	}
	w.WriteHeader(f.status)
	body := map[string]string{"error": f.code, "error_description": description(f.code)}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.Log.DebugContext(r.Context(), "the client left", "error", err)
	}
}

func asOAuth(err error) *oauthFault {
	var f *oauthFault
	if errors.As(err, &f) {
		return f
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return &oauthFault{http.StatusBadRequest, "invalid_request", err}
	case fault.TooLarge:
		return &oauthFault{http.StatusRequestEntityTooLarge, "invalid_request", err}
	case fault.TooMany:
		return &oauthFault{http.StatusTooManyRequests, "temporarily_unavailable", err}
	case fault.Unavailable, fault.Timeout:
		return &oauthFault{http.StatusServiceUnavailable, "temporarily_unavailable", err}
	case fault.BadUpstream:
		return &oauthFault{http.StatusBadGateway, "server_error", err}
	default:
		return &oauthFault{http.StatusInternalServerError, "server_error", err}
	}
}

func description(code string) string {
	switch code {
	case "invalid_grant":
		return "Code or token not valid"
	case "unsupported_grant_type":
		return "Unsupported grant_type"
	case "temporarily_unavailable":
		return "Try again later"
	case "server_error":
		return "Internal error"
	default:
		return "Invalid request"
	}
}

// allowOrigin lets a script read an error: with Keycloak's own CORS headers,
// else with the asking origin's. An error holds nothing that is anybody's.
func allowOrigin(header http.Header, r *http.Request, from http.Header) {
	if from != nil {
		for name, values := range from {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				header[name] = values
			}
		}
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "null" {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Credentials", "true")
		header.Add("Vary", "Origin")
	}
}

// clientsCall is an endpoint for clients rather than browsers: no cookie goes
// along, read has to understand the form, and a failure is OAuth's.
func (h *handler) clientsCall(w http.ResponseWriter, r *http.Request, x *exchange, read func(context.Context, *exchange, http.Header, []byte) error) {
	x.cookies = wire.Cookies{}
	body, err := readForm(r)
	if err == nil {
		err = read(r.Context(), x, r.Header, body)
	}
	if err != nil {
		h.Metrics.refused(x.route, err)
		h.oauthError(w, r, nil, err)
		return
	}
	h.forward(w, r, x)
}
