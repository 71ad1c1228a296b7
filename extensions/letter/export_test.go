package letter

import (
	"context"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Alphabet is that of the codes.
const Alphabet = alphabet

// NewCode draws a code.
func NewCode() string { return string(newCode()) }

// WithCheck adds the check character to eleven others.
func WithCheck(drawn string) string { return string(withCheck(drawn)) }

// ReadCode reads one, or returns the problem's key.
func ReadCode(text string) (code, problem string) {
	c, p := readCode(text)
	if p != nil {
		return "", p.Key
	}
	return string(c), ""
}

// Plant makes a code good, as if a letter had been sent.
func Plant(ctx context.Context, r extension.Records, purpose flow.Name, number member.KVNR, c string, until time.Time) error {
	return put(ctx, r, codeKey(purpose, number, code(c)), 0, issued{Order: "planted", Until: until}, 1000*day)
}

// CodeKey is the key of a code's record.
func CodeKey(purpose flow.Name, number member.KVNR, c string) string {
	return codeKey(purpose, number, code(c))
}
