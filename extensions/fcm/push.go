package fcm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// tokenForm is what a registration token consists of, and maxToken its longest,
// in bytes.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_:.=~%-]{8,}$`)

const maxToken = 4096

// Data keys that the app finds; those of texts end with the language.
const (
	idKey   = "id"
	textKey = "text_"
)

type pusher struct {
	config Config
	remote *extension.Remote
	tokens *tokens
}

// ready looks at the files alone: without pushes, phones still ask the inbox.
func (p *pusher) ready(context.Context) error {
	_, err := readAccount(p.config)
	return err
}

// Push implements notify.Pusher.
func (p *pusher) Push(ctx context.Context, push notify.Push) error {
	if len(push.Token) > maxToken || !tokenForm.MatchString(push.Token) {
		return fmt.Errorf("%w: it is no token of FCM", notify.ErrTokenGone)
	}
	body, err := p.message(push)
	if err != nil {
		return err
	}
	spent := ""
	for {
		have, err := p.tokens.get(ctx, spent)
		if err != nil {
			return err
		}
		reply, err := p.send(ctx, have, body)
		if err != nil {
			return err
		}
		if reply.Status != http.StatusUnauthorized || spent != "" {
			return p.verdict(reply)
		}
		spent = have.token // it was withdrawn before its time: once more with another
	}
}

func (p *pusher) send(ctx context.Context, have access, body []byte) (extension.Reply, error) {
	address, err := url.JoinPath(p.config.BaseURL, "v1", "projects", have.project, "messages:send")
	if err != nil {
		return extension.Reply{}, fmt.Errorf("base_url: %w", err)
	}
	return p.remote.Post(ctx, address, http.Header{
		"Authorization": {"Bearer " + have.token}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
	}, body)
}

// The message, as far as it is used
// (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages).
type (
	envelope struct {
		Message message `json:"message"`
	}
	message struct {
		Token   string            `json:"token"`
		Data    map[string]string `json:"data"`
		Android android           `json:"android"`
	}
	android struct {
		Priority     string        `json:"priority"`
		TTL          string        `json:"ttl"`
		Notification *notification `json:"notification,omitempty"`
	}
	notification struct {
		BodyKey string `json:"body_loc_key"`
		Tag     string `json:"tag"`
	}
)

// message is an id and, where set, fixed words. With high priority it wakes a
// phone that sleeps.
func (p *pusher) message(push notify.Push) ([]byte, error) {
	data := map[string]string{idKey: push.ID}
	for language, text := range p.config.Texts {
		data[textKey+language] = text
	}
	m := message{Token: push.Token, Data: data, Android: android{
		Priority: "HIGH", TTL: strconv.FormatInt(int64(p.config.Lifetime/time.Second), 10) + "s",
	}}
	if p.config.BodyKey != "" {
		m.Android.Notification = &notification{BodyKey: p.config.BodyKey, Tag: push.ID}
	}
	body, err := json.Marshal(envelope{m})
	if err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	return body, nil
}
