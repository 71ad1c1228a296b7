package apns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// tokenForm is a device token in hexadecimal. Its length is Apple's to change.
// A count in the form would cost a fifth of a millisecond at each start.
var tokenForm = regexp.MustCompile(`^([0-9a-fA-F]{2})+$`)

const minToken, maxToken = 32, 200 // characters

// maxPayload is the longest payload that Apple takes, in bytes.
const maxPayload = 4096

type pusher struct {
	config   Config
	remote   *extension.Remote
	provider *provider
	now      func() time.Time
}

// ready looks at the files alone: without pushes, phones still ask the inbox.
func (p *pusher) ready(context.Context) error {
	_, err := readKey(p.config.KeyFile)
	return err
}

// Push implements notify.Pusher.
func (p *pusher) Push(ctx context.Context, push notify.Push) error {
	if n := len(push.Token); n < minToken || n > maxToken || !tokenForm.MatchString(push.Token) {
		return fmt.Errorf("%w: it is no token of APNs", notify.ErrTokenGone)
	}
	address, err := url.JoinPath(p.config.BaseURL, "3", "device", push.Token)
	if err != nil {
		return errors.New("base_url: not an address")
	}
	body, err := p.payload(push.ID)
	if err != nil {
		return err
	}
	reply, err := p.send(ctx, address, body)
	if err != nil {
		return err
	}
	return p.verdict(reply)
}

// send sends, and once more when another provider token may be had for one that
// is refused.
func (p *pusher) send(ctx context.Context, address string, body []byte) (extension.Reply, error) {
	token, err := p.provider.get("")
	if err != nil {
		return extension.Reply{}, err
	}
	reply, err := p.remote.Post(ctx, address, p.header(token), body)
	if err != nil || !readReason(reply.Body).provider() {
		return reply, err
	}
	another, err := p.provider.get(token)
	if err != nil || another == token {
		return reply, err
	}
	return p.remote.Post(ctx, address, p.header(another), body)
}

// header says how the notification is delivered
// (Sending notification requests to APNs).
func (p *pusher) header(token string) http.Header {
	kind, priority := "background", "5"
	if p.shows() {
		kind, priority = "alert", "10"
	}
	expires := "0"
	if p.config.Lifetime > 0 {
		expires = strconv.FormatInt(p.now().Add(p.config.Lifetime).Unix(), 10)
	}
	return http.Header{
		"Authorization": {"bearer " + token}, "Content-Type": {"application/json"},
		"Apns-Topic": {p.config.Topic}, "Apns-Push-Type": {kind}, "Apns-Priority": {priority}, "Apns-Expiration": {expires},
	}
}

// shows reports whether the system shows something by itself.
func (p *pusher) shows() bool { return p.config.BodyKey != "" || p.config.Text != "" }

// The payload (Generating a remote notification).
type (
	payload struct {
		APS aps    `json:"aps"`
		ID  string `json:"id"`
	}
	aps struct {
		Alert   *alert `json:"alert,omitempty"`
		Sound   string `json:"sound,omitempty"`
		Content int    `json:"content-available,omitempty"`
	}
	alert struct {
		Body    string `json:"body,omitempty"`
		BodyKey string `json:"loc-key,omitempty"`
	}
)

// payload is an id and, where set, fixed words.
func (p *pusher) payload(id string) ([]byte, error) {
	out := payload{ID: id, APS: aps{Content: 1}}
	if p.shows() {
		out.APS = aps{Alert: &alert{Body: p.config.Text, BodyKey: p.config.BodyKey}, Sound: "default"}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("writing the payload: %w", err)
	}
	if len(body) > maxPayload {
		return nil, fmt.Errorf("the payload has over %d bytes", maxPayload)
	}
	return body, nil
}
