package letter

import (
	"crypto/rand"
	"strings"
	"unicode"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// The code: 12 characters, the last of them a check character.
//
// The alphabet has 23 characters, of which none looks like another (no 0 O Q D,
// 1 I L, 2 Z, 5 S, 6 G, 8 B, U V, M N): 11 of them drawn are 49 bits. The check
// character is by the method of the pure systems of ISO/IEC 7064 with modulus
// 23 and radix 5. As 23 is a prime and 5 a primitive root of it, every single
// wrong character is found, every two that changed places, and every pair of
// equal ones read as a pair of others.
const (
	alphabet = "23456789ACEFHJKMPRTUWXY"
	modulus  = len(alphabet)
	radix    = 5
	places   = 12
)

// code is a code as it is compared: capital letters without blanks.
type code string

// newCode draws a code.
func newCode() code {
	drawn := make([]byte, places-1)
	for i := range drawn {
		drawn[i] = alphabet[draw()]
	}
	return withCheck(string(drawn))
}

// withCheck adds the check character to eleven others.
func withCheck(drawn string) code {
	missing := (1 - sum(drawn)*radix%modulus + modulus) % modulus
	return code(drawn + alphabet[missing:missing+1])
}

// sum weighs each place with a power of radix, the last one with 1.
func sum(s string) int {
	n := 0
	for i := range len(s) {
		n = (n*radix + strings.IndexByte(alphabet, s[i])) % modulus
	}
	return n
}

// draw is a place in the alphabet, each as likely as the others.
func draw() int {
	var b [1]byte
	for {
		rand.Read(b[:])
		if v := int(b[0]); v < 256-256%modulus {
			return v % modulus
		}
	}
}

// grouped is the code as it is printed.
func (c code) grouped() string { return string(c[:4] + "-" + c[4:8] + "-" + c[8:]) }

// maxTyped bounds what is read of the input, in bytes.
const maxTyped = 256

// readCode reads a code as people type, paste or scan it: lower case, blanks,
// hyphens, full-width forms, the whole address of the letter's QR code, and the
// characters that are not printed but look like one that is. The problem says
// why it cannot be the code of any letter; then nothing is compared.
func readCode(text string) (code, *flow.Problem) {
	problem := func(key string, args map[string]any) (code, *flow.Problem) {
		return "", &flow.Problem{Field: "code", Key: "problem." + key, Args: args}
	}
	if len(text) > maxTyped {
		return problem("characters", nil)
	}
	s := compact(text[strings.LastIndex(text, "#")+1:])
	if s == "" {
		return problem("empty", nil)
	}
	if _, err := member.ParseKVNR(s, false); err == nil {
		return problem("number", nil)
	}
	s = strings.NewReplacer("B", "8", "G", "6", "S", "5", "Z", "2", "V", "U").Replace(s)
	switch {
	case strings.IndexFunc(s, strange) >= 0:
		return problem("characters", nil)
	case len(s) != places:
		return problem("length", map[string]any{"Count": len(s)})
	case sum(s) != 1:
		return problem("mistyped", nil)
	}
	return code(s), nil
}

func strange(r rune) bool { return !strings.ContainsRune(alphabet, r) }

// compact brings what was typed into one form. Nothing is guessed.
func compact(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' { // the full-width forms of ASCII
			r -= '！' - '!'
		}
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), unicode.Is(unicode.Cf, r), r == '−':
			return -1
		}
		return r
	}, text)
}
