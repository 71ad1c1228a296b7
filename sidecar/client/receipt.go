package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrReceipt says that a receipt does not prove what it must: execute nothing.
var ErrReceipt = errors.New("the receipt does not hold")

// ReceiptType is the `typ` of receipts.
const ReceiptType = "approval-receipt+jwt"

// Receipt is a verified proof that a person approved.
type Receipt struct {
	JWS     string // as received, for the records
	ID      string // of the approval
	Subject string // account id (`sub`) of the person
	Action  string
	Content Hash
	Device  string // id of the phone
	Decided time.Time
	Expires time.Time // at most 120 s after redeeming
}

// Expected is what a receipt must say.
type Expected struct {
	ID      string // of the approval
	Action  string
	Content Hash   // of the bytes that are about to be executed
	Subject string // account id of the person; "": not known to the backend
}

// Redeem uses the approval up and verifies the receipt. It is never repeated:
// after an error that is no *Problem it is not known whether the approval was
// used up, so nothing may be executed and the person is asked anew.
func (c *Client) Redeem(ctx context.Context, e Expected) (Receipt, error) {
	body, err := json.Marshal(struct {
		Content Hash `json:"content_sha256"`
	}{e.Content})
	if err != nil {
		return Receipt{}, err
	}
	if err := c.prepare(ctx); err != nil {
		return Receipt{}, err // before the approval is used up
	}
	var got struct{ Receipt string }
	call := call{method: http.MethodPost, path: at(e.ID) + "/redeem", body: body, tries: 1}
	if err := c.do(ctx, call, &got); err != nil {
		return Receipt{}, err
	}
	return c.Verify(ctx, got.Receipt, e)
}

// Confirm asks, calls show with the approval whose match code the person needs,
// waits, and redeems. An answer other than yes is *Refused.
func (c *Client) Confirm(ctx context.Context, q Question, show func(Approval)) (Receipt, error) {
	a, err := c.Ask(ctx, q)
	if err != nil {
		return Receipt{}, err
	}
	show(a)
	if a, err = c.Wait(ctx, a.ID); err != nil {
		return Receipt{}, err
	}
	if a.State != Approved {
		return Receipt{}, &Refused{a}
	}
	return c.Redeem(ctx, Expected{ID: a.ID, Action: q.Action, Content: q.Content, Subject: q.Subject.Sub})
}

// Refused says that the person did not approve.
type Refused struct{ Approval Approval }

// Error says how it ended.
func (r *Refused) Error() string {
	text := "the person did not approve: " + string(r.Approval.State)
	if r.Approval.Reason != "" {
		text += " (" + r.Approval.Reason + ")"
	}
	return text
}

// claims are those of a receipt.
type claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Action   string `json:"action"`
	Content  Hash   `json:"content_sha256"`
	Device   string `json:"device"`
	Decided  int64  `json:"decided_at"`
}

// maxLife is how long a receipt is valid at most.
const maxLife = 120 * time.Second

// Verify checks a receipt against the published keys: typ, alg, signature,
// issuer, audience, time, and all that is expected. Every failure is
// ErrReceipt, but for one of reading the keys.
func (c *Client) Verify(ctx context.Context, receipt string, e Expected) (Receipt, error) {
	jws, err := jose.ParseSignedCompact(receipt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: not a JWS by ES256", ErrReceipt)
	}
	head := jws.Signatures[0].Protected
	if head.ExtraHeaders[jose.HeaderType] != ReceiptType {
		return Receipt{}, fmt.Errorf("%w: another type", ErrReceipt)
	}
	key, err := c.key(ctx, head.KeyID)
	if err != nil {
		return Receipt{}, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: not signed by the published key", ErrReceipt)
	}
	var said claims
	if err := json.Unmarshal(payload, &said); err != nil {
		return Receipt{}, fmt.Errorf("%w: unreadable claims", ErrReceipt)
	}
	if wrong := c.judge(said, e); wrong != "" {
		return Receipt{}, fmt.Errorf("%w: %s", ErrReceipt, wrong)
	}
	return Receipt{
		JWS: receipt, ID: said.ID, Subject: said.Subject, Action: said.Action, Content: said.Content, Device: said.Device,
		Decided: time.Unix(said.Decided, 0), Expires: time.Unix(said.Expires, 0),
	}, nil
}

// judge names the first thing that is not as expected; "": nothing.
func (c *Client) judge(said claims, e Expected) string {
	issuer := c.Issuer
	if issuer == "" {
		issuer = c.URL
	}
	for _, rule := range []struct {
		holds bool
		wrong string
	}{
		{said.Issuer == issuer, "another issuer"},
		{c.ID != "" && said.Audience == c.ID, "for another client"},
		{e.ID != "" && said.ID == e.ID, "of another approval"},
		{e.Action != "" && said.Action == e.Action, "for another action"},
		{subtle.ConstantTimeCompare(said.Content[:], e.Content[:]) == 1, "for another content"},
		{said.Subject != "" && (e.Subject == "" || said.Subject == e.Subject), "of another person"},
		{c.now().Before(time.Unix(said.Expires, 0)), "expired"},
		{time.Duration(said.Expires-said.IssuedAt)*time.Second <= maxLife, "valid for too long"},
	} {
		if !rule.holds {
			return rule.wrong
		}
	}
	return ""
}

// Bounds of the published keys.
const (
	keysLife = 5 * time.Minute // the API's own max-age
	keysRest = 5 * time.Second // between two readings for unknown key ids
)

// keys remembers the published keys.
type keys struct {
	mu   sync.Mutex
	set  jose.JSONWebKeySet
	read time.Time
}

// prepare reads the keys if they are not known.
func (c *Client) prepare(ctx context.Context) error {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	return c.fresh(ctx, keysLife)
}

// fresh reads the keys that are older than age; the lock is held.
func (c *Client) fresh(ctx context.Context, age time.Duration) error {
	if c.now().Sub(c.keys.read) < age {
		return nil
	}
	var set jose.JSONWebKeySet
	if err := c.do(ctx, call{method: http.MethodGet, path: "/keys", tries: maxTries}, &set); err != nil {
		return fmt.Errorf("reading the keys of receipts: %w", err)
	}
	c.keys.set, c.keys.read = set, c.now()
	return nil
}

// key returns the published key of this id, which must be one for ES256.
func (c *Client) key(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	for _, age := range []time.Duration{keysLife, keysRest} {
		if err := c.fresh(ctx, age); err != nil {
			return nil, err
		}
		for _, k := range c.keys.set.Key(id) {
			if key, ok := k.Key.(*ecdsa.PublicKey); ok && key.Curve == elliptic.P256() && k.Algorithm == string(jose.ES256) {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: signed by an unknown key", ErrReceipt)
}
