package apns

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// pauseDown is how long nothing is sent when the service has enough or refuses
// who sends, unless it says for how long.
const pauseDown = 10 * time.Second

// reason is Apple's word for a failure (Handling notification responses from
// APNs). The zero reason is none that could be read.
type reason string

// The reasons that are acted upon.
const (
	badToken      reason = "BadDeviceToken"
	otherTopic    reason = "DeviceTokenNotForTopic"
	unregistered  reason = "Unregistered"
	expiredToken  reason = "ExpiredToken"
	expiredSender reason = "ExpiredProviderToken"
	invalidSender reason = "InvalidProviderToken"
	tooManyTokens reason = "TooManyProviderTokenUpdates"
)

var reasonForm = regexp.MustCompile(`^[A-Za-z]+$`)

const maxReason = 40

// readReason returns the reason, "" where the body is none of Apple's.
func readReason(raw []byte) reason {
	var answer struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(raw, &answer) != nil || len(answer.Reason) > maxReason || !reasonForm.MatchString(answer.Reason) {
		return ""
	}
	return reason(answer.Reason)
}

// provider reports whether another provider token might help.
func (r reason) provider() bool { return r == expiredSender || r == invalidSender }

// gone reports whether the device token will never work again.
func (r reason) gone(status int) bool {
	switch status {
	case http.StatusBadRequest:
		return r == badToken || r == otherTopic
	case http.StatusGone:
		return r == unregistered || r == expiredToken
	}
	return false
}

// verdict says what an answer means. The error holds Apple's reason and nothing
// else that the service said.
func (p *pusher) verdict(reply extension.Reply) error {
	if reply.Status == http.StatusOK {
		return nil
	}
	is := readReason(reply.Body)
	said := fmt.Errorf("APNs answers %d %s", reply.Status, is)
	switch {
	case is.gone(reply.Status):
		return fmt.Errorf("%w: %w", notify.ErrTokenGone, said)
	case is.provider():
		p.remote.Rest(reply, pauseDown)
		return fmt.Errorf("%w: do key_file, key_id and team_id fit, and is the clock right?", said)
	case is == tooManyTokens, reply.Status == http.StatusServiceUnavailable:
		p.remote.Rest(reply, pauseDown)
	}
	return said
}
