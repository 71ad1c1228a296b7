package device

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds what is read of a response, in bytes.
const maxAnswer = 1 << 20

// Problem is a refusal of the server (PROTOCOL §8).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	State  string `json:"state"`  // of request_over
	Reason string `json:"reason"` // of request_over
	Until  string `json:"until"`  // of cooling
	// Devices are the phones of which one could be replaced, of device_limit.
	Devices []Replaceable `json:"devices"`
	Errors  []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// Error names the problem.
func (p *Problem) Error() string {
	return fmt.Sprintf("%s (%d)", p.Word(), p.Status)
}

// Word is the last part of the type, by which an app decides.
func (p *Problem) Word() string { return strings.TrimPrefix(p.Type, "urn:schleuse:problem:") }

// Is reports whether err is the problem of this word.
func Is(err error, word string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Word() == word
}

// Call is one call of the Device API.
type Call struct {
	Method, Path, Query string
	Token               string // access token; empty: none
	Opened              bool   // send the newest Schleuse-Opened
	Key                 *Key   // signs the proof; nil: the phone's
	Body                any    // becomes JSON; []byte as it is; nil: none
	Into                any    // filled from the answer; nil: none
}

// Proof is what a DPoP proof is made of, before it is signed.
type Proof struct {
	Header, Claims map[string]any
	Key            *Key
}

// Do makes the call, and once again where the server wants a newer nonce.
func (p *Phone) Do(ctx context.Context, c Call) error {
	err := p.once(ctx, c)
	if Is(err, "use_dpop_nonce") {
		err = p.once(ctx, c)
	}
	return err
}

func (p *Phone) once(ctx context.Context, c Call) error {
	response, err := p.send(ctx, c)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if c.Into == nil {
		return nil
	}
	if err := json.Unmarshal(body, c.Into); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// send makes the call and returns what is no problem.
func (p *Phone) send(ctx context.Context, c Call) (*http.Response, error) {
	body, err := encode(c.Body)
	if err != nil {
		return nil, err
	}
	target := p.Base + c.Path
	if c.Query != "" {
		target += "?" + c.Query
	}
	request, err := http.NewRequestWithContext(ctx, c.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	proof, err := p.proof(c, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("DPoP", proof)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "DPoP "+c.Token)
	}
	if opened := p.opened(); c.Opened && opened != "" {
		request.Header.Set("Schleuse-Opened", opened)
	}
	response, err := p.client().Do(request)
	if err != nil {
		return nil, err
	}
	p.learn(response.Header)
	if response.StatusCode >= http.StatusBadRequest {
		return nil, problem(response)
	}
	return response, nil
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return b, nil
	default:
		return json.Marshal(b)
	}
}

// proof makes the DPoP proof of a call (PROTOCOL §4).
func (p *Phone) proof(c Call, body []byte) (string, error) {
	key := c.Key
	if key == nil {
		key = p.Key
	}
	claims := map[string]any{
		"jti": rand.Text(), "htm": c.Method, "htu": p.Base + c.Path, "iat": time.Now().Add(p.Skew).Unix(),
	}
	if nonce := p.nonceNow(); nonce != "" {
		claims["nonce"] = nonce
	}
	if c.Token != "" {
		claims["ath"] = Digest(c.Token)
	}
	if body != nil {
		claims["body_sha256"] = Digest(string(body))
	}
	proof := Proof{
		Header: map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.Public()},
		Claims: claims, Key: key,
	}
	if p.Forge != nil {
		p.Forge(&proof)
	}
	return proof.Key.Sign(proof.Header, proof.Claims)
}

func problem(response *http.Response) error {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading a problem: %w", err)
	}
	told := Problem{Status: response.StatusCode}
	if err := json.Unmarshal(body, &told); err != nil || told.Type == "" {
		return fmt.Errorf("answered %s without a problem", response.Status)
	}
	return &told
}
