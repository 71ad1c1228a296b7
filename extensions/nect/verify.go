package nect

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/schleuse/schleuse/sidecar/extension"
)

const (
	// tolerance is how far the clocks of Nect and of ours may be apart
	// (Standard Webhooks, "Timestamp verification").
	tolerance = 5 * time.Minute
	maxID     = 200 // bytes of a message's id
	minSecret = 24  // bytes of a secret (Standard Webhooks, "Signature scheme")
)

// genuineness says whether a callback is Nect's. The zero value is: it is not.
type genuineness uint8

const (
	forged   genuineness = iota
	genuine              // it is, and was not seen before
	replayed             // it was, and says nothing new
)

// verifier knows Nect's callbacks.
type verifier struct {
	host   extension.Host
	config Callback
}

func newVerifier(host extension.Host, c Callback) (verifier, error) {
	v := verifier{host, c}
	_, err := v.keys()
	return v, err
}

// keys are read each time, so that a new one needs no restart.
func (v verifier) keys() ([]string, error) {
	var out []string
	for _, file := range v.config.KeyFiles {
		key, err := extension.ReadSecret(file)
		if err != nil {
			return nil, err
		}
		if v.config.Verify == HMAC {
			if !signingKey(key) {
				return nil, fmt.Errorf("callback.key_files: a secret is at least %d bytes in base64, with whsec_ in front or without", minSecret)
			}
		}
		out = append(out, key)
	}
	return out, nil
}

// signingKey reports whether a secret may sign: with an empty one everybody does.
func signingKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	if err != nil || len(raw) < minSecret {
		return false
	}
	_, err = standardwebhooks.NewWebhook(key)
	return err == nil
}

// verify says whether a callback is genuine. An error means that it cannot be
// known now.
func (v verifier) verify(ctx context.Context, h http.Header, body []byte) (genuineness, error) {
	if v.config.Verify == None {
		return genuine, nil
	}
	keys, err := v.keys()
	if err != nil {
		return forged, err
	}
	if v.config.Verify == APIKey {
		return withKey(keys, h.Values(keyHeader)), nil
	}
	if !v.signed(keys, h, body) {
		return forged, nil
	}
	seen, err := v.host.Counters.Look(ctx, once(h))
	switch {
	case err != nil:
		return forged, err
	case !seen.OK:
		return replayed, nil
	}
	return genuine, nil
}

// taken makes a callback that was dealt with count as replayed from now on. Two
// that come at once may both be dealt with: they are hints.
func (v verifier) taken(ctx context.Context, h http.Header) error {
	if v.config.Verify != HMAC {
		return nil
	}
	_, err := v.host.Counters.Take(ctx, once(h))
	return err
}

// once lets each message be dealt with once, for longer than its signature is
// good.
func once(h http.Header) extension.Limit {
	return extension.Limit{Name: "callback_id", Subject: h.Get(standardwebhooks.HeaderWebhookID), Max: 1, Window: 3 * tolerance}
}

// withKey compares with every key, in a time that does not tell how much of one
// was right.
func withKey(keys, sent []string) genuineness {
	if len(sent) != 1 {
		return forged
	}
	got := sha256.Sum256([]byte(sent[0]))
	match := 0
	for _, key := range keys {
		want := sha256.Sum256([]byte(key))
		match |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if match == 1 {
		return genuine
	}
	return forged
}

// signed reports whether one of the secrets signed this body a moment ago.
func (v verifier) signed(keys []string, h http.Header, body []byte) bool {
	id, at := h.Values(standardwebhooks.HeaderWebhookID), h.Values(standardwebhooks.HeaderWebhookTimestamp)
	if len(id) != 1 || len(id[0]) > maxID || len(at) != 1 {
		return false
	}
	seconds, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil || v.host.Now().Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	for _, key := range keys {
		w, err := standardwebhooks.NewWebhook(key)
		if err == nil && w.VerifyIgnoringTimestamp(body, h) == nil {
			return true
		}
	}
	return false
}
