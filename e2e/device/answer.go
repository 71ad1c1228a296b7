package device

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// answerSize is how long the body of every answer is, in bytes (PROTOCOL §7.8).
const answerSize = 2048

// Inbox is what waits for the person.
type Inbox struct {
	Mark     string    `json:"mark"`
	Count    int       `json:"count"`
	Requests []Waiting `json:"requests"`
}

// Waiting is one request in the inbox or the history; what is not told is empty.
type Waiting struct {
	ID         string            `json:"id"`
	ExpiresIn  int               `json:"expires_in"`
	Action     string            `json:"action"`
	Title      map[string]string `json:"title"`
	Risk       string            `json:"risk"`
	State      string            `json:"state"`
	Reason     string            `json:"reason"`
	CreatedAt  string            `json:"created_at"`
	DecidedAt  string            `json:"decided_at"`
	ThisDevice bool              `json:"this_device"`
}

// Inbox asks what waits; with a mark it waits up to seconds for a change.
func (p *Phone) Inbox(ctx context.Context, seconds int, mark string) (Inbox, error) {
	query := url.Values{}
	if seconds > 0 {
		query.Set("wait", strconv.Itoa(seconds))
	}
	if mark != "" {
		query.Set("mark", mark)
	}
	var inbox Inbox
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/inbox", Query: query.Encode(), Opened: true, Into: &inbox})
	return inbox, err
}

// Events tells each state of the inbox until ctx ends, the server ends the
// stream or do returns an error.
func (p *Phone) Events(ctx context.Context, do func(Inbox) error) error {
	call := Call{Method: http.MethodGet, Path: "/inbox/events"}
	response, err := p.send(ctx, call)
	if Is(err, "use_dpop_nonce") {
		response, err = p.send(ctx, call)
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var inbox Inbox
		if err := json.Unmarshal([]byte(data), &inbox); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		if err := do(inbox); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Field is one line that is shown.
type Field struct {
	Name  string            `json:"name"`
	Label map[string]string `json:"label"`
	Value string            `json:"value"`
}

// Request is a verified request object (PROTOCOL §5.4).
type Request struct {
	V         int               `json:"v"`
	Issuer    string            `json:"iss"`
	Audience  string            `json:"aud"`
	ID        string            `json:"jti"`
	Issued    int64             `json:"iat"`
	Expires   int64             `json:"exp"`
	Action    string            `json:"action"`
	Client    string            `json:"client"`
	Title     map[string]string `json:"title"`
	Fields    []Field           `json:"fields"`
	Content   string            `json:"content_sha256"`
	Risk      string            `json:"risk"`
	MatchCode int               `json:"match_code"`
	Refused   int               `json:"refused"`

	Raw string `json:"-"` // the JWS exactly as received
}

// Request asks for a request and checks it as PROTOCOL §5.4 demands.
func (p *Phone) Request(ctx context.Context, id string) (Request, error) {
	var told struct{ Request string }
	if err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/requests/" + url.PathEscape(id), Opened: true, Into: &told}); err != nil {
		return Request{}, err
	}
	keys, err := p.Keys(ctx)
	if err != nil {
		return Request{}, err
	}
	request, err := p.Check(told.Request, id, keys.RequestKeys.Keys)
	if err != nil {
		return Request{}, fmt.Errorf("the server's request is not to be shown: %w", err)
	}
	return request, nil
}

// Check verifies a request object by one of the keys.
func (p *Phone) Check(jws, id string, keys []JWK) (Request, error) {
	first, _, _ := strings.Cut(jws, ".")
	var header struct{ Alg, Typ, Kid string }
	if err := part(first, &header); err != nil {
		return Request{}, err
	}
	i := slices.IndexFunc(keys, func(k JWK) bool { return k.KID == header.Kid })
	if i < 0 || header.Alg != "ES256" || header.Typ != "schleuse-request+jwt" {
		return Request{}, errors.New("its header names no key of the server")
	}
	_, payload, err := verify(jws, keys[i])
	if err != nil {
		return Request{}, err
	}
	r := Request{Raw: jws}
	if err := strict(payload, &r); err != nil {
		return Request{}, err
	}
	if r.V != 1 || r.Issuer != p.Base || r.Audience != p.ID || r.ID != id {
		return Request{}, errors.New("it is not for this phone")
	}
	return r, nil
}

func strict(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// Decision is the answer to an answer.
type Decision struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
}

// Approve confirms exactly this request. code is what the person typed; it is
// left out where the request wants none.
func (p *Phone) Approve(ctx context.Context, r Request, code, password string) (Decision, error) {
	payload := p.Answer(r, "approve")
	if r.MatchCode > 0 {
		payload["match_code"] = code
	}
	return p.Send(ctx, r.ID, payload, password)
}

// Deny refuses a request; reason is empty, by_person or not_me.
func (p *Phone) Deny(ctx context.Context, r Request, reason string) (Decision, error) {
	payload := p.Answer(r, "deny")
	if reason != "" {
		payload["reason"] = reason
	}
	return p.Send(ctx, r.ID, payload, "")
}

// Answer makes the payload of an answer (PROTOCOL §5.3).
func (p *Phone) Answer(r Request, decision string) map[string]any {
	return map[string]any{"v": 1, "request_sha256": Digest(r.Raw), "decision": decision, "iat": p.now()}
}

// Send signs an answer and sends it, with the device password beside it unless
// that is empty.
func (p *Phone) Send(ctx context.Context, id string, payload any, password string) (Decision, error) {
	body, err := p.Envelope(ctx, payload, password)
	if err != nil {
		return Decision{}, err
	}
	var decision Decision
	err = p.Do(ctx, Call{Method: http.MethodPost, Path: "/requests/" + id + "/answer", Body: body, Into: &decision})
	return decision, err
}

// signed signs an answer; a payload of bytes is taken as it is.
func (p *Phone) signed(payload any) (string, error) {
	header := p.header("schleuse-answer+jwt")
	raw, ok := payload.([]byte)
	if !ok {
		return p.Key.Sign(header, payload)
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	return p.Key.SignBytes(h, raw)
}

// Envelope makes the body of an answer, which always has the same size.
func (p *Phone) Envelope(ctx context.Context, payload any, password string) ([]byte, error) {
	jws, err := p.signed(payload)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"answer": jws, "padding": ""}
	if password != "" {
		if err := p.sealInto(ctx, body, jws, secrets{purposePassword: password}); err != nil {
			return nil, err
		}
	}
	bare, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	body["padding"] = strings.Repeat("x", max(0, answerSize-len(bare)))
	return json.Marshal(body)
}

// Devices lists the person's phones.
func (p *Phone) Devices(ctx context.Context) ([]Self, error) {
	var told struct{ Devices []Self }
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/devices", Opened: true, Into: &told})
	return told.Devices, err
}

// Rename names a phone of the person.
func (p *Phone) Rename(ctx context.Context, id, name string) error {
	return p.Do(ctx, Call{Method: http.MethodPatch, Path: "/devices/" + id, Opened: true, Body: map[string]string{"name": name}})
}

// Block takes a phone of the person out of use for good.
func (p *Phone) Block(ctx context.Context, id string) error {
	return p.Do(ctx, Call{Method: http.MethodPost, Path: "/devices/" + id + "/block"})
}

// History lists requests of the past, newest first.
func (p *Phone) History(ctx context.Context, limit int, before string) ([]Waiting, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if before != "" {
		query.Set("before", before)
	}
	var told struct{ Requests []Waiting }
	err := p.Do(ctx, Call{Method: http.MethodGet, Path: "/history", Query: query.Encode(), Opened: true, Into: &told})
	return told.Requests, err
}
