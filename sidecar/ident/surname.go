package ident

import (
	"slices"
	"strings"
)

// split takes titles off a surname and divides the rest into its prefix and the
// name proper, which always keeps one part.
func split(parts []string) (prefix string, name []string) {
	rest := untitled(parts)
	n := 0
	for n < len(rest)-1 && slices.Contains(prefixes(), rest[n]) {
		n++
	}
	return strings.Join(rest[:n], filler), rest[n:]
}

// untitled takes off doctor's degrees and, in front of a prefix only, titles of
// nobility: "Graf von Berg" is "von Berg", but "Graf-Schmidt" is a double name.
func untitled(parts []string) []string {
	rest := parts
	for len(rest) > 1 && slices.Contains(degrees(), rest[0]) {
		rest = rest[1:]
		for _, honoris := range [][]string{{"H", "C"}, {"E", "H"}, {"HC"}, {"EH"}} { // honoris causa, ehrenhalber
			if len(rest) > len(honoris) && slices.Equal(rest[:len(honoris)], honoris) {
				rest = rest[len(honoris):]
			}
		}
	}
	if len(rest) > 2 && slices.Contains(nobility(), rest[0]) && slices.Contains(prefixes(), rest[1]) {
		rest = rest[1:]
	}
	return rest
}

// degrees are what German documents and master data write before a surname
// (§ 5 PAuswG, § 4 PassG: the doctor's degree), and the professor of the latter.
func degrees() []string { return []string{"DR", "PROF"} }

// prefixes are the words that German master data keep apart from the surname
// ("Vorsatzwort") and documents may not, but for those that are surnames of
// their own elsewhere (Le, Do, Du …), with which a double name may begin.
func prefixes() []string {
	return []string{
		"VON", "VOM", "VAN", "ZU", "ZUM", "ZUR", "UND", "AUF", "AUS", "DE", "DER", "DEN", "DEM", "DES", "DEL", "DELLA", "DI", "DA",
		"DOS", "TEN", "TER",
	}
}

// nobility are the words that master data keep apart as "Namenszusatz".
func nobility() []string {
	return []string{
		"BARON", "BARONIN", "BARONESSE", "EDLE", "EDLER", "FREIFRAU", "FREIHERR", "FREIIN", "FUERST", "FUERSTIN", "GRAEFIN", "GRAF",
		"HERZOG", "HERZOGIN", "PRINZ", "PRINZESSIN", "RITTER",
	}
}
