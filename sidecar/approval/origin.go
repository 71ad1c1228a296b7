package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
)

// The bounds of origins.
const (
	OriginLife = 120 * time.Second
	MaxOrigin  = 512 // characters
	// originKept is for how long after its end a used one is remembered: clocks
	// of replicas differ.
	originKept = 10 * time.Minute
)

// Once is something that is used up, and until when that is remembered. The
// zero Once is nothing.
type Once struct {
	Name  [32]byte
	Until time.Time
}

// origin says that on this phone, its key proven and its app open, somebody
// begins to ask for something. It is no permission: the person is asked all the
// same, and only the phone that names itself here types no match code.
type origin struct {
	ID     string    `json:"i"` // 16 random bytes
	Device device.ID `json:"d"`
	As     string    `json:"a"` // see likeness
	Ends   int64     `json:"e"` // seconds
}

// originPlace is what origins are sealed for, and nothing else is.
const originPlace = "approval origin"

// Origin returns what a phone gives to the backend that will ask, at most
// MaxOrigin characters, and how long it is good: OriginLife, or most where that
// is shorter. The caller has verified that the call is the phone's and that its
// app is open. It returns device.ErrLocked, ErrBlocked, ErrNoDevice.
func (s *Service) Origin(ctx context.Context, dev device.ID, most time.Duration) (text string, life time.Duration, err error) {
	d, err := s.phone(ctx, dev)
	if err != nil {
		return "", 0, err
	}
	if d.State != device.Active {
		return "", 0, device.ErrLocked
	}
	life = min(OriginLife, most)
	plain, err := json.Marshal(origin{ID: rand.Text(), Device: d.ID, As: likeness(d), Ends: s.Now().Add(life).Unix()})
	if err != nil {
		return "", 0, fmt.Errorf("writing an origin: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.Seals.Seal(plain, []byte(originPlace))), life, nil
}

// likeness is an image of whose a phone is, what proves it and what opens its
// app: another key, password, PIN or biometric key, or a PIN typed wrong, and
// what was begun on it before counts no more.
func likeness(d device.Device) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %d %d", d.Account, d.Key.Thumbprint(), d.Biometric,
		d.Password.Set.UnixNano(), d.PIN.Set.UnixNano(), d.PIN.Wrong))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// origin opens what Origin gave; "" is none. A Service without Seals has none.
func (s *Service) origin(text string) (o origin, err error) {
	if text == "" {
		return origin{}, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if len(text) > MaxOrigin || err != nil || s.Seals == nil {
		return origin{}, ErrOrigin
	}
	plain, err := s.Seals.Open(sealed, []byte(originPlace))
	if err != nil || json.Unmarshal(plain, &o) != nil || o.ID == "" || o.Device == "" || s.Now().Unix() >= o.Ends {
		return origin{}, ErrOrigin
	}
	return o, nil
}

// of returns ErrOrigin unless one of the phones gave it and is as it was then.
func (o origin) of(active []device.Device) error {
	if o.Device == "" {
		return nil
	}
	i := slices.IndexFunc(active, func(d device.Device) bool { return d.ID == o.Device })
	if i < 0 || subtle.ConstantTimeCompare([]byte(likeness(active[i])), []byte(o.As)) != 1 {
		return ErrOrigin
	}
	return nil
}

// once is what the request uses up.
func (o origin) once() Once {
	if o.ID == "" {
		return Once{}
	}
	return Once{sha256.Sum256([]byte(originPlace + "\x00" + o.ID)), time.Unix(o.Ends, 0).Add(originKept)}
}
