package ident

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest name that is read, in bytes. A longer one has no form,
// so it fits nobody.
const maxName = 200

// scheme is one way in which a state writes the letters that ICAO Doc 9303
// part 3, section 6 A, leaves a choice for. A state writes all names alike, so
// the schemes are not mixed within one name.
type scheme struct{ a, ring, o, u, n string }

// schemes are all of them, the one used in German documents first.
func schemes() []scheme {
	var out []scheme
	for _, u := range []string{"UE", "U", "UXX"} {
		for _, o := range []string{"OE", "O"} {
			for _, a := range []string{"AE", "A"} {
				for _, ring := range []string{"AA", "A"} {
					for _, n := range []string{"N", "NXX"} {
						out = append(out, scheme{a, ring, o, u, n})
					}
				}
			}
		}
	}
	return out
}

// letter returns what the scheme writes for a capital letter that has a form of
// its own in ICAO Doc 9303 part 3, section 6 A, which is not just the letter
// without its mark; "" = it has none.
func (s scheme) letter(r rune) string {
	switch r {
	case 'Ä':
		return s.a
	case 'Å':
		return s.ring
	case 'Ö':
		return s.o
	case 'Ü':
		return s.u
	case 'Ñ':
		return s.n
	}
	return fixed(r)
}

// fixed is letter for those that every state writes alike.
func fixed(r rune) string {
	switch r {
	case 'ß', 'ẞ':
		return "SS"
	case 'Æ':
		return "AE"
	case 'Œ', 'Ø':
		return "OE"
	case 'Þ':
		return "TH"
	case 'Đ', 'Ð':
		return "D"
	case 'Ħ':
		return "H"
	case 'Ĳ':
		return "IJ"
	case 'Ł', 'Ŀ':
		return "L"
	case 'Ŋ', 'ŉ':
		return "N"
	case 'Ŧ':
		return "T"
	case 'Ə':
		return "E"
	}
	return ""
}

// Forms returns how a name can stand in the machine readable zone of a
// document (ICAO Doc 9303 part 3, sections 4.6 and 6): capital letters A to Z
// and single fillers "<" between the parts, none at the ends. The first form is
// the one used in German documents, the others are in no order; there are at
// most 48. A name in that form has itself as its only one. Nothing is cut to
// the zone's length.
//
// Two names are the same where they have a form in common. A name that is
// empty, over 200 bytes, not UTF-8, or holds anything but Latin letters and
// the usual signs between them has no form: it is the same as none, itself
// included.
func Forms(name string) []string {
	if len(name) > maxName {
		return nil
	}
	upper := strings.Map(unicode.ToUpper, norm.NFC.String(name)) // leaves ß alone, unlike a language would
	choices := schemes()
	if !strings.ContainsAny(upper, "ÄÅÖÜÑ") {
		choices = choices[:1]
	}
	var out []string
	for _, s := range choices {
		form, ok := s.write(upper)
		if !ok {
			return nil
		}
		if !slices.Contains(out, form) {
			out = append(out, form)
		}
	}
	return out
}

// write returns the form of a name in capitals; false = it has none.
func (s scheme) write(name string) (string, bool) {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case parts(r):
			b.WriteByte(' ')
		case silent(r):
		case s.letter(r) != "":
			b.WriteString(s.letter(r))
		default:
			base, ok := bare(r)
			if !ok {
				return "", false
			}
			b.WriteByte(base)
		}
	}
	form := strings.Join(strings.Fields(b.String()), filler)
	return form, form != ""
}

// filler stands between the parts of a form.
const filler = "<"

// parts reports whether a character separates the parts of a name.
func parts(r rune) bool {
	return r == '<' || r == '.' || r == ',' || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212'
}

// silent reports whether a character is left out: apostrophes in all the ways
// they are typed, marks, and what is invisible.
func silent(r rune) bool {
	return strings.ContainsRune("'’‘‛ʼʻ′`´＇", r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r)
}

// bare returns a letter without its marks.
func bare(r rune) (byte, bool) {
	s := norm.NFD.String(string(r))
	if s[0] < 'A' || s[0] > 'Z' {
		return 0, false
	}
	for _, mark := range s[1:] {
		if !unicode.Is(unicode.Mn, mark) {
			return 0, false
		}
	}
	return s[0], true
}
