package device

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// Peppers are keys that lie outside of the database.
type Peppers interface {
	// Pepper returns a MAC of the domain and the parts, and the version of the
	// key that made it: the one named, or the primary for "". It returns an
	// error for a version that is no more.
	Pepper(version, domain string, parts ...[]byte) (mac []byte, used string, err error)
}

// The bounds of hashing.
const (
	hashesWait = 64              // more are refused at once
	hashWait   = 3 * time.Second // for a turn
)

// hashParams are OWASP's for Argon2id (Password Storage Cheat Sheet: 19 MiB,
// two passes, one lane).
func hashParams() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Hasher makes and compares hashes of what people know, a few at once, so that
// nobody can use up memory and processors by asking. It is safe for concurrent
// use.
type Hasher struct {
	Peppers Peppers
	Params  *argon2id.Params // nil = 19 MiB, 2 passes, 1 lane
	AtOnce  int              // each takes 19 MiB; 0 = one for each processor, 2 to 16

	once    sync.Once
	slots   chan struct{}
	waiting atomic.Int64
	nobody  Secret // of nobody, to spend the same time on
	failed  error
}

func (h *Hasher) prepare() {
	h.once.Do(func() {
		if h.Params == nil {
			h.Params = hashParams()
		}
		if h.AtOnce == 0 {
			h.AtOnce = min(max(runtime.GOMAXPROCS(0), 2), 16)
		}
		h.slots = make(chan struct{}, h.AtOnce)
		h.nobody, h.failed = h.hash("", "nobody", nil)
	})
}

// enter waits for a turn; leave gives it back.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	h.prepare()
	if h.failed != nil {
		return nil, h.failed
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > hashesWait {
		return nil, busy(errors.New("too many secrets to compare at once"))
	}
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, busy(ctx.Err())
	}
}

func busy(cause error) error {
	return &fault.Error{Kind: fault.Unavailable, Key: "later", Retry: time.Second, Err: fmt.Errorf("waiting to hash: %w", cause)}
}

// hash makes the stored form; the phone and the purpose go into it, so that it
// fits nowhere else.
func (h *Hasher) hash(id ID, p Purpose, secret []byte) (Secret, error) {
	mac, version, err := h.Peppers.Pepper("", pepperDomain, []byte(id), []byte(p), secret)
	if err != nil {
		return Secret{}, fmt.Errorf("peppering: %w", err)
	}
	hash, err := argon2id.CreateHash(string(mac), h.Params)
	if err != nil {
		return Secret{}, fmt.Errorf("hashing: %w", err)
	}
	return Secret{Hash: hash, Pepper: version}, nil
}

const pepperDomain = "device/secret"

// matches reports whether secret is the stored one. renewed is not zero when it
// is and should be stored anew, under a newer pepper or other parameters.
func (h *Hasher) matches(id ID, p Purpose, stored Secret, secret []byte) (right bool, renewed Secret) {
	mac, _, err := h.Peppers.Pepper(stored.Pepper, pepperDomain, []byte(id), []byte(p), secret)
	if err != nil || stored.Pepper == "" {
		h.waste(secret)
		return false, Secret{}
	}
	right, params, err := argon2id.CheckHash(string(mac), stored.Hash)
	if err != nil || !right {
		return false, Secret{}
	}
	_, primary, err := h.Peppers.Pepper("", pepperDomain)
	if err != nil || primary == stored.Pepper && *params == *h.Params {
		return true, Secret{}
	}
	if renewed, err = h.hash(id, p, secret); err != nil {
		return true, Secret{}
	}
	renewed.Set = stored.Set
	return true, renewed
}

// waste takes as long as a comparison.
func (h *Hasher) waste(secret []byte) {
	_, _ = argon2id.ComparePasswordAndHash(string(secret), h.nobody.Hash)
}
