package ident

import (
	"regexp"
	"strings"

	"github.com/schleuse/schleuse/sidecar/member"
)

// Verdict says whether an identified person is the member whose number was
// given. The zero Verdict is none and opens nothing.
type Verdict uint8

// The verdicts. Only Match lets the person go on at once.
const (
	Match     Verdict = iota + 1 // the document is that member's
	Review                       // it may be; a letter or a look by a clerk decides, it is never a dead end
	Mismatch                     // it is somebody else's, as twins' are; it is counted and alarmed
	Ambiguous                    // it fits two insured people; a letter to the address on file decides
)

// String returns the verdict's name for logs, metrics and evidence.
func (v Verdict) String() string {
	if v > Ambiguous {
		v = 0
	}
	return [...]string{"none", "match", "review", "mismatch", "ambiguous"}[v]
}

// Compare says whether the person of a document is the member on file.
// namesakes are the other insured people whom the document might mean
// (member.Namesakes).
//
// Birth date, surname and given names each agree fully, partly or not at all;
// the worst of the three decides between Match, Review and Mismatch.
//
// Birth date: fully when both sides know the day and it is the same; partly
// when a side knows less and nothing contradicts.
//
// Surname, or birth name, of either side: fully when they have a form in common
// (Forms), titles aside, and a prefix such as "von" perhaps missing on one side;
// partly when one is a part of the other, as of a double name, when the
// prefixes differ, or when the document's, of 20 places or more, is the
// beginning of the one on file.
//
// Given names: fully when they are the same in any order, or when the first
// name is the same and the further ones do not contradict; partly when the
// first is the same and the further ones do contradict, when one side has only
// other given names of the other side's, when the document's single name is cut
// at the end of a full field, or when a side has none.
//
// A document that a namesake fits too is Ambiguous, even when the namesake
// would only be a Review; so is any that may fit, where the list of namesakes
// may be cut. The postcode supports in one way: where the member fully matches,
// a namesake who would only be a Review is set aside if the document's address
// in Germany has the member's postcode and not theirs. It turns no Review into
// a Match, since a household shares it, and no Match into less, since people move.
func Compare(on member.Member, namesakes []member.Member, p Person) Verdict {
	own := alone(on, p)
	if own != Match && own != Review {
		return own
	}
	if len(namesakes) >= member.MaxNamesakes {
		return Ambiguous
	}
	for _, other := range namesakes {
		if other.KVNR != on.KVNR && fits(other, on, own, p) {
			return Ambiguous
		}
	}
	return own
}

// fits reports whether the document may mean the other person too.
func fits(other, on member.Member, own Verdict, p Person) bool {
	switch alone(other, p) {
	case Match:
		return true
	case Review:
		shown := postcode(p)
		settled := own == Match && shown != "" && shown == on.Postcode && other.Postcode != "" && shown != other.Postcode
		return !settled
	}
	return false
}

// alone compares a document with one member, as if there were no other.
func alone(on member.Member, p Person) Verdict {
	unknownGiven := empty(on.Given) || empty(p.Given)
	if unknownGiven && (on.BirthDate == "" || p.BirthDate == "") {
		return Mismatch // a surname alone is nobody
	}
	names := partly
	if !unknownGiven {
		names = each(on.Given, p.Given, given(places(p.Surname)))
	}
	birth := dates(on.BirthDate, p.BirthDate)
	family := surnames([2]string{on.Surname, on.BirthName}, [2]string{p.Surname, p.BirthName})
	switch min(birth, family, names) {
	case fully:
		return Match
	case partly:
		return Review
	}
	return Mismatch
}

// Namesake reports whether a document that means one member might mean the
// other: another number, birth dates that agree as far as they are known, and a
// surname or birth name in common. Who has no birth date on file is nobody's.
func Namesake(a, b member.Member) bool {
	return a.KVNR != b.KVNR && a.BirthDate != "" && b.BirthDate != "" && dates(a.BirthDate, b.BirthDate) != differs &&
		surnames([2]string{a.Surname, a.BirthName}, [2]string{b.Surname, b.BirthName}) == fully
}

func empty(name string) bool { return strings.TrimSpace(name) == "" }

// places is how long a name is in a document, at most.
func places(name string) int {
	longest := 0
	for _, f := range Forms(name) {
		longest = max(longest, len(f))
	}
	return longest
}

var germanPostcode = regexp.MustCompile(`^[0-9]{5}$`)

// postcode returns the document's postcode where it has an address in Germany.
func postcode(p Person) string {
	switch strings.ToUpper(p.Country) {
	case "DE", "DEU", "D":
		if germanPostcode.MatchString(p.Postcode) {
			return p.Postcode
		}
	}
	return ""
}
