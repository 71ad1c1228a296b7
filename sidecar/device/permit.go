package device

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// How long permits live.
const (
	PermitLife = 15 * time.Minute // to be used
	ProofLife  = 24 * time.Hour   // from Given; so long its proof gives no other permit
)

// The kinds of proof that a permit may rest on.
const (
	ByPhone  = "phone"  // an approval by another active phone
	ByNect   = "nect"   // an identification with a document
	ByLetter = "letter" // a code sent by letter
	ByCard   = "egk"    // digits of the health card: for the first phone alone, where the operator says so
)

// Permit says that a person proved who they are in a session, to register,
// unlock or replace a phone with a client. It is used once.
type Permit struct {
	Session account.SID
	Client  string // the OIDC client id
	Account account.ID
	Number  member.KVNR
	// Thumbprint names the key of the phone that it is for (RFC 7638): the app
	// said it before the proof (`dpop_jkt`, RFC 9449 section 10), so that nobody
	// else who has the session's tokens takes the permit.
	Thumbprint string
	Kinds      []string // what it rests on; none = nothing
	// Proof names what was proved, such as the attempt in which it was: at most
	// 64 characters. One proof gives one permit.
	Proof   string
	Given   time.Time
	Expires time.Time // at most PermitLife after Given
}

// Validate returns what is missing (errors.Join).
func (p Permit) Validate() error {
	var errs []error
	if p.Session == "" || p.Client == "" || p.Account == "" || p.Number == "" {
		errs = append(errs, errors.New("a permit without session, client, account or number"))
	}
	if !isThumbprint(p.Thumbprint) {
		errs = append(errs, errors.New("a permit for no key"))
	}
	if p.Proof == "" || len(p.Proof) > 64 {
		errs = append(errs, errors.New("a permit without what was proved, or with a long name for it"))
	}
	if len(p.Kinds) == 0 || slices.Contains(p.Kinds, "") {
		errs = append(errs, errors.New("a permit that rests on nothing"))
	}
	if !p.timely() {
		errs = append(errs, errors.New("a permit that lives for no time or over 15 minutes"))
	}
	return errors.Join(errs...)
}

// isThumbprint reports whether a text has the form of a key's thumbprint.
func isThumbprint(text string) bool {
	raw, err := decode(text)
	return err == nil && len(raw) == sha256.Size
}

// fits reports whether the permit is for the phone with this key.
func (p Permit) fits(k Key) bool { return k != "" && p.Thumbprint == k.Thumbprint() }

// timely reports whether it lives for some time, and for no more than it may.
func (p Permit) timely() bool {
	return !p.Given.IsZero() && p.Expires.After(p.Given) && p.Expires.Sub(p.Given) <= PermitLife
}

// byCardAlone reports whether nothing but the health card was seen.
func (p Permit) byCardAlone() bool {
	return !slices.ContainsFunc(p.Kinds, func(k string) bool { return k == ByPhone || k == ByNect || k == ByLetter })
}

// ByPhoneAlone reports whether a permit is worth no more than the word of
// another phone.
func (p Permit) ByPhoneAlone() bool {
	return slices.Contains(p.Kinds, ByPhone) && !slices.ContainsFunc(p.Kinds, func(k string) bool { return k == ByNect || k == ByLetter })
}

// stands reports whether a permit of somebody with these phones is still worth
// what it was: one by a phone alone is not when any was blocked since, which
// may have been the one.
func (p Permit) stands(phones []Device) bool {
	return !p.ByPhoneAlone() || !slices.ContainsFunc(phones, func(d Device) bool { return d.State == Blocked && !d.Ended.Before(p.Given) })
}

// Permits keeps permits.
type Permits interface {
	// Give makes a permit usable, once, in place of an older one of the same
	// session and client. A permit whose Proof has given one in the last 24 h,
	// used or not, changes nothing, without an error: the call may be repeated.
	// The error may be that of Validate.
	Give(ctx context.Context, p Permit) error
	// Look returns a permit that could be used now, or ErrNoPermit.
	Look(ctx context.Context, sid account.SID, client string) (Permit, error)
	// Use takes the permit and runs fn with all the account's phones, in one
	// transaction that excludes all other changes of this account's phones,
	// permits and approvals. What fn returns is stored, new or changed, under
	// the rules of Store.Update, those about other permits included; the first of it is returned. An error of fn
	// leaves the permit unused. It returns ErrNoPermit, ErrKeyUsed. fn may run
	// again and must have no other effect.
	Use(ctx context.Context, sid account.SID, client string, fn func(Permit, []Device) ([]Device, error)) (Device, error)
}
