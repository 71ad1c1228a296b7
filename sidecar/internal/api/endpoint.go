package api

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Bounds of a request's body.
const (
	MaxBody  = 64 << 10 // bytes
	maxDepth = 8        // objects and arrays within one another
)

// Reply is what an operation answers.
type Reply struct {
	Status int         // 0: 200, or 204 without a body
	Header http.Header // more of it, may be nil
	Body   any         // becomes JSON; nil: none
}

// Who proves from a request's headers who sends it, before its body is read.
type Who[P any] func(*http.Request) (P, error)

// Nobody is for what everybody may ask.
func Nobody(*http.Request) (struct{}, error) { return struct{}{}, nil }

// Give answers a request without a body.
func Give[P any](who Who[P], do func(*http.Request, P) (Reply, error)) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := who(r)
		if err != nil {
			return err
		}
		if err := empty(r); err != nil {
			return err
		}
		reply, err := do(r, p)
		if err != nil {
			return err
		}
		return send(w, reply)
	}
}

// Take answers a request with a body, which is strict JSON: see Decode.
func Take[P, In any](who Who[P], do func(*http.Request, P, In) (Reply, error)) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := who(r)
		if err != nil {
			return err
		}
		var in In
		if err := read(w, r, &in); err != nil {
			return err
		}
		reply, err := do(r, p, in)
		if err != nil {
			return err
		}
		return send(w, reply)
	}
}

// empty refuses a body where none belongs: what it says would be ignored.
func empty(r *http.Request) error {
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
		return Malformed("", "this request has no body")
	}
	return nil
}

func read(w http.ResponseWriter, r *http.Request, into any) error {
	if kind := r.Header.Values("Content-Type"); len(kind) != 1 || kind[0] != "application/json" {
		return Refuse(fault.Invalid, "unsupported_media_type", nil)
	}
	if len(r.Header.Values("Content-Encoding")) > 0 {
		return Refuse(fault.Invalid, "unsupported_media_type", nil)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fault.New(fault.TooLarge, "too_large", nil)
	case err != nil:
		return Malformed("", "the body ended early")
	}
	return Decode(body, into)
}

// Decode reads JSON (RFC 8259) strictly: unknown and double members, members
// in other case, what follows the value, invalid UTF-8 and more than 8 levels
// are refused with the place.
func Decode(body []byte, into any) error {
	if err := shallow(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return misread(err)
}

// shallow reads the tokens without keeping anything.
func shallow(body []byte) error {
	tokens := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		_, err := tokens.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return misread(err)
		case tokens.StackDepth() > maxDepth:
			return Malformed(string(tokens.StackPointer()), "more than %d levels", maxDepth)
		}
	}
}

// misread says where the JSON is wrong, and not what stands there.
func misread(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return Malformed(string(syntax.JSONPointer), "this name stands twice")
		}
		return Malformed(string(syntax.JSONPointer), "no valid JSON at byte %d", syntax.ByteOffset)
	}
	var meaning *json.SemanticError
	if errors.As(err, &meaning) {
		if errors.Is(err, json.ErrUnknownName) {
			return Malformed(string(meaning.JSONPointer), "unknown name")
		}
		return Malformed(string(meaning.JSONPointer), "not of the type expected here")
	}
	return Malformed("", "no valid JSON")
}

// Query returns the query's parameters, each at most once and none but these.
func Query(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Malformed("", "unreadable query")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			return nil, Malformed("", "unknown query parameter")
		}
		if len(values[name]) > 1 {
			return nil, Malformed("", "query parameter %s stands twice", name)
		}
	}
	return values, nil
}

func send(w http.ResponseWriter, reply Reply) error {
	var body []byte
	if reply.Body != nil {
		var err error
		if body, err = json.Marshal(reply.Body, json.Deterministic(true)); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
	}
	maps.Copy(w.Header(), reply.Header)
	switch {
	case reply.Status != 0:
		w.WriteHeader(reply.Status)
	case reply.Body == nil:
		w.WriteHeader(http.StatusNoContent)
	}
	w.Write(body)
	return nil
}
