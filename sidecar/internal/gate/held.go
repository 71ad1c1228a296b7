package gate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/gate/wire"
)

// maxHeldBody is the longest body that is held, in bytes. With its headers it
// must stay below the same bound, which flow.Engine.Open holds.
const maxHeldBody = 64 << 10

// held is a response that is kept from the browser.
type held struct {
	Unjudged bool   `json:",omitempty"` // its age could not be looked at when the answer came
	Born     int64  `json:",omitempty"` // of its tab
	Tab      string `json:",omitempty"`
	Status   int
	Header   http.Header
	At       time.Time // when Keycloak made it
	Client   string
	Kind     kind
	// NoNumber: a number should have been typed, and none was. Only exempt
	// people need none.
	NoNumber bool
	// Query is the original request, if it can be repeated (rule 11).
	Query string
	// Follow: the login ran without the kc_action that was asked for. Its code
	// never leaves; the original request follows.
	Follow bool
	// JKT names the key of the phone that an enrolment is for.
	JKT  string `json:",omitempty"`
	Body []byte `json:"-"`
}

// encode puts the body behind the rest, as it is: in JSON it would grow by a third.
func (s held) encode() ([]byte, error) {
	meta, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(meta)+len(s.Body)), uint32(len(meta))) //nolint:gosec // bounded by the HTTP server's header limit
	return append(append(out, meta...), s.Body...), nil
}

func decodeHeld(raw []byte) (held, error) {
	var s held
	if len(raw) < 4 {
		return s, errors.New("nothing is held")
	}
	n := int64(binary.BigEndian.Uint32(raw))
	if n > int64(len(raw)-4) {
		return s, errors.New("what is held is cut short")
	}
	if err := json.Unmarshal(raw[4:4+n], &s); err != nil {
		return held{}, err
	}
	s.Body = raw[4+n:]
	return s, nil
}

// cookiesOnly is what stays after the release: enough to be signed in, never
// the code.
func cookiesOnly(raw []byte) []byte {
	s, err := decodeHeld(raw)
	if err != nil {
		return nil
	}
	s.Header = http.Header{"Set-Cookie": wire.KeycloakCookies(s.Header)}
	s.Status, s.Body = 0, nil
	out, err := s.encode()
	if err != nil {
		return nil
	}
	return out
}
