package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const (
	eventType = "push"
	// tokenGone is what a gateway answers beside 410 when the token is gone.
	tokenGone = "token_gone"
	// pauseDown is how long nothing is sent when the gateway has enough, unless
	// it says for how long.
	pauseDown = 10 * time.Second
	// maxToken is the longest token, in bytes.
	maxToken = 4096
)

type pusher struct {
	config Config
	remote *extension.Remote
	now    func() time.Time
}

// ready looks at the files alone: without pushes, phones still ask the inbox.
func (p *pusher) ready(context.Context) error {
	_, err := p.config.secret()
	return err
}

// event is what is posted (Standard Webhooks, payload structure).
type event struct {
	Type string `json:"type"`
	At   string `json:"timestamp"`
	Data data   `json:"data"`
}

type data struct {
	Token string `json:"token"`
	ID    string `json:"id"`
}

// Push implements notify.Pusher.
func (p *pusher) Push(ctx context.Context, push notify.Push) error {
	if push.Token == "" || len(push.Token) > maxToken {
		return fmt.Errorf("%w: it is no token", notify.ErrTokenGone)
	}
	now := p.now()
	body, err := json.Marshal(event{eventType, now.UTC().Format(time.RFC3339), data{push.Token, push.ID}})
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	header, err := p.header(now, body)
	if err != nil {
		return err
	}
	reply, err := p.remote.Post(ctx, p.config.URL, header, body)
	if err != nil {
		return err
	}
	return p.verdict(reply)
}

// header signs the message. Its id is its own: the same push is never sent twice.
func (p *pusher) header(now time.Time, body []byte) (http.Header, error) {
	key, err := p.config.secret()
	if err != nil {
		return nil, err
	}
	hook, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, fmt.Errorf("preparing the signature: %w", err)
	}
	id := "push_" + rand.Text()
	signature, err := hook.Sign(id, now, body)
	if err != nil {
		return nil, fmt.Errorf("signing the message: %w", err)
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return header, nil
}

// verdict says what an answer means. A 410 alone is not the token's end: a
// gateway that was moved away answers so to everything.
func (p *pusher) verdict(reply extension.Reply) error {
	if reply.Status/100 == 2 {
		return nil
	}
	said := fmt.Errorf("the push gateway answers %d", reply.Status)
	switch {
	case reply.Status == http.StatusGone && gone(reply.Body):
		return fmt.Errorf("%w: %w", notify.ErrTokenGone, said)
	case reply.Status == http.StatusTooManyRequests, reply.Status == http.StatusServiceUnavailable:
		p.remote.Rest(reply, pauseDown)
	}
	return said
}

func gone(raw []byte) bool {
	var answer struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(raw, &answer) == nil && answer.Error == tokenGone
}
