package approval

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/schleuse/schleuse/sidecar/device"
)

// The types of what we sign (RFC 7515 section 4.1.9).
const (
	RequestType = "schleuse-request+jwt"
	ReceiptType = "approval-receipt+jwt"
)

// ReceiptLife is how long a receipt is valid.
const ReceiptLife = 120 * time.Second

// sign returns a compact JWS with exactly alg ES256, typ and kid in its header.
func sign(k Keys, typ string, payload any) (string, error) {
	kid, key := k.Signing()
	plain, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("encoding a %s: %w", typ, err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: cryptosigner.Opaque(key), KeyID: kid}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("signing a %s: %w", typ, err)
	}
	signed, err := signer.Sign(plain)
	if err != nil {
		return "", fmt.Errorf("signing a %s: %w", typ, err)
	}
	return signed.CompactSerialize()
}

// JWKS returns the public keys as a JWK set (RFC 7517 section 5), each with
// kid, use "sig" and alg "ES256", to be published.
func (k Keys) JWKS() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for kid, key := range k.Published() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return set
}

// requestObject is the payload of what a phone shows; PROTOCOL.md of package
// device section 5.4.
type requestObject struct {
	V         int               `json:"v"`
	Issuer    string            `json:"iss"`
	Audience  device.ID         `json:"aud"`
	ID        ID                `json:"jti"`
	IssuedAt  int64             `json:"iat"`
	Expires   int64             `json:"exp"`
	Action    string            `json:"action"`
	Client    string            `json:"client"`
	Title     map[string]string `json:"title"`
	Fields    []shownField      `json:"fields"`
	Content   string            `json:"content_sha256"`
	Risk      string            `json:"risk"`
	MatchCode int               `json:"match_code"`
	Refused   int               `json:"refused"`
}

type shownField struct {
	Name  string            `json:"name"`
	Label map[string]string `json:"label"`
	Value string            `json:"value"`
}

// requestObject signs what the phone shows. It fails when the action was taken
// out of the configuration, or lost one of its fields.
func (s *Service) requestObject(a Approval, dev device.ID) (string, error) {
	action, ok := s.Action(a.Action)
	if !ok {
		return "", ErrOver
	}
	shown := make([]shownField, 0, len(a.Fields))
	for _, f := range a.Fields {
		label := action.label(f.Name)
		if label == nil {
			return "", ErrOver
		}
		shown = append(shown, shownField{f.Name, label, f.Value})
	}
	return sign(s.Requests, RequestType, requestObject{
		V: 1, Issuer: s.Issuer, Audience: dev, ID: a.ID, IssuedAt: s.Now().Unix(), Expires: a.Expires.Unix(),
		Action: a.Action, Client: a.Client, Title: inBoth(action.Title), Fields: shown, Content: a.Content.String(),
		Risk: a.Risk.String(), MatchCode: a.Digits(dev), Refused: a.Refused,
	})
}

func (a Action) label(name string) map[string]string {
	for _, f := range a.Fields {
		if f.Name == name {
			return inBoth(f.Label)
		}
	}
	return nil
}

// inBoth keeps the languages of the protocol.
func inBoth(by map[string]string) map[string]string {
	return map[string]string{"de": by["de"], "en": by["en"]}
}

// Receipt is what the client gets for redeeming: the JWS and when it ends.
type Receipt struct {
	JWS     string
	Expires time.Time
}

// ReceiptClaims is the payload of a receipt. A verifier demands: alg ES256, typ
// ReceiptType, a published key, iss, its own client id as aud, exp, the action
// that it is about to execute, and the hash of exactly those bytes.
type ReceiptClaims struct {
	Issuer   string    `json:"iss"`
	Audience string    `json:"aud"` // the client that asked
	Subject  string    `json:"sub"` // the account
	ID       ID        `json:"jti"` // of the approval: there is one receipt of each
	IssuedAt int64     `json:"iat"`
	Expires  int64     `json:"exp"` // iat + 120 s
	Action   string    `json:"action"`
	Content  string    `json:"content_sha256"`
	Device   device.ID `json:"device"`
	Decided  int64     `json:"decided_at"` // when the person approved
}

func (s *Service) receipt(a Approval) (Receipt, error) {
	now := s.Now()
	until := now.Add(ReceiptLife)
	jws, err := sign(s.Receipts, ReceiptType, ReceiptClaims{
		Issuer: s.ReceiptIssuer, Audience: a.Client, Subject: string(a.Account), ID: a.ID, IssuedAt: now.Unix(), Expires: until.Unix(),
		Action: a.Action, Content: a.Content.String(), Device: a.Device, Decided: a.Decided.Unix(),
	})
	return Receipt{jws, until}, err
}
