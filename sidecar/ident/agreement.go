package ident

import (
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

// agreement is how far two descriptions of one thing agree. The zero agreement
// is none.
type agreement uint8

const (
	differs agreement = iota
	partly
	fully
)

const (
	// cutSurname is the length in places from which a surname in a document may
	// be the beginning of a longer one: the shortest field for names has 30
	// places (ICAO Doc 9303 part 5), of which surname, two fillers and given
	// names each need some.
	cutSurname = 20
	// fullField is how many places are filled, of those 30, where a given name
	// may be the beginning of a longer one.
	fullField = 29
)

// dates compares two birth dates as far as they are known. Full agreement needs
// the day on both sides.
func dates(a, b string) agreement {
	switch {
	case a == "" || b == "":
		return partly
	case !member.ValidDate(a) || !member.ValidDate(b):
		return differs
	case a == b && len(a) == len(time.DateOnly):
		return fully
	case strings.HasPrefix(a, b) || strings.HasPrefix(b, a):
		return partly
	}
	return differs
}

// surnames compares each name that a person has on file with each that the
// document shows, and returns the best agreement.
func surnames(file, document [2]string) agreement {
	best := differs
	for _, a := range file {
		for _, b := range document {
			best = max(best, each(a, b, surname))
		}
	}
	return best
}

// each compares all forms of two names and returns the best agreement.
func each(file, document string, compare func(file, document []string) agreement) agreement {
	best := differs
	for _, a := range Forms(file) {
		for _, b := range Forms(document) {
			best = max(best, compare(strings.Split(a, filler), strings.Split(b, filler)))
		}
	}
	return best
}

// surname compares the parts of two surnames without titles. A prefix may be
// missing on one side; two different ones belong to different names, perhaps.
func surname(file, document []string) agreement {
	prefixA, a := split(file)
	prefixB, b := split(document)
	switch {
	case slices.Equal(a, b) && (prefixA == prefixB || prefixA == "" || prefixB == ""):
		return fully
	case within(a, b) || within(b, a) || cut(b, a) && len(strings.Join(b, filler)) >= cutSurname:
		return partly
	}
	return differs
}

// given compares the parts of given names. documentSurname is how many places
// the document's surname takes beside them.
func given(documentSurname int) func(file, document []string) agreement {
	return func(file, document []string) agreement {
		first := file[0] == document[0]
		part := within(file, document) || within(document, file)
		same := part && len(file) == len(document)
		switch {
		case same || first && part:
			return fully
		case first || part:
			return partly
		case cut(document, file[:1]) && documentSurname+2+len(document[0]) >= fullField:
			return partly
		}
		return differs
	}
}

// within reports whether all parts stand in whole, each as often at least.
func within(parts, whole []string) bool {
	left := slices.Clone(whole)
	for _, p := range parts {
		i := slices.Index(left, p)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// cut reports whether a name is the beginning of a longer one.
func cut(short, long []string) bool {
	return strings.HasPrefix(strings.Join(long, filler), strings.Join(short, filler))
}
