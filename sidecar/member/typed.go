package member

import (
	"strings"
	"unicode"
)

// maxTyped bounds what is read of one input, in bytes: the longest number has
// 30 places, with blanks between them and full-width forms.
const maxTyped = 256

// compact brings what a person typed or pasted into one form: full-width
// characters become ASCII, Latin letters capitals, and blanks, hyphens and
// invisible characters go. Nothing else is changed, O never becomes 0. Text
// over maxTyped stays as it is: nothing that long is a number.
func compact(text string) string {
	if len(text) > maxTyped {
		return text
	}
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
