package fcm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// How long nothing is sent when the service says that it has enough, unless it
// says for how long (https://firebase.google.com/docs/cloud-messaging/scale-fcm).
const (
	pauseBusy = time.Minute
	pauseDown = 10 * time.Second
)

// code is FCM's word for a failure. The zero code is none that is known.
type code string

const (
	unregistered code = "UNREGISTERED"
	invalid      code = "INVALID_ARGUMENT"
	tokenField        = "message.token"
)

// failure is an error's body, as far as it is read
// (https://firebase.google.com/docs/cloud-messaging/error-codes).
type failure struct {
	Error struct {
		Details []detail `json:"details"`
	} `json:"error"`
}

type detail struct {
	Type       string `json:"@type"`
	Code       string `json:"errorCode"`
	Violations []struct {
		Field string `json:"field"`
	} `json:"fieldViolations"`
}

// codes are FCM's own words for failures.
func codes() []code {
	return []code{
		unregistered, invalid, "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL", "THIRD_PARTY_AUTH_ERROR", "UNSPECIFIED_ERROR",
	}
}

// readFailure returns FCM's code, and whether it complains of the token: by its
// code, or by naming the field. That a request is invalid in another field says
// nothing of the token, and neither does an error that is not FCM's own, such
// as that of a proxy in between or of a project that does not exist.
func readFailure(status int, raw []byte) (is code, token bool) {
	var f failure
	if json.Unmarshal(raw, &f) != nil {
		return "", false
	}
	named, other := false, false
	for _, d := range f.Error.Details {
		is = cmp.Or(d.code(), is)
		for _, v := range d.Violations {
			named = named || v.Field == tokenField
			other = other || v.Field != tokenField
		}
	}
	switch status {
	case http.StatusNotFound:
		return is, is == unregistered
	case http.StatusBadRequest:
		return is, !other && (named || is == invalid)
	}
	return is, false
}

// code returns FCM's own word, "" where the detail holds none.
func (d detail) code() code {
	i := slices.Index(codes(), code(d.Code))
	if i < 0 || !strings.HasSuffix(d.Type, "/google.firebase.fcm.v1.FcmError") {
		return ""
	}
	return codes()[i]
}

// verdict says what an answer means. The error holds FCM's code and nothing
// else that the service said.
func (p *pusher) verdict(reply extension.Reply) error {
	if reply.Status == http.StatusOK {
		return nil
	}
	is, token := readFailure(reply.Status, reply.Body)
	said := fmt.Errorf("FCM answers %d %s", reply.Status, is)
	switch {
	case token:
		return fmt.Errorf("%w: %w", notify.ErrTokenGone, said)
	case reply.Status == http.StatusTooManyRequests:
		p.remote.Rest(reply, pauseBusy)
	case reply.Status == http.StatusServiceUnavailable, reply.Status >= 500 && reply.Header.Get("Retry-After") != "":
		p.remote.Rest(reply, pauseDown)
	case reply.Status == http.StatusUnauthorized:
		p.remote.Rest(reply, tokenPause)
		return fmt.Errorf("%w: a fresh access token is refused; may the service account send messages in this project?", said)
	}
	return said
}
