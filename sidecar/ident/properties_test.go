package ident_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

// words are few, so that drawn people have much in common.
func words() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"", "Anna", "ANNA MARIA", "Maria", "Anna-Lena", "Müller", "MUELLER", "Muller", "von Berg", "Berg", "van Berg", "Meyer-Müller",
		"Graf von Berg", "Dr. Berg", "Ångström", "Nuñez", "NUNXXEZ", "Wolfeschlegelsteinhausen", "WOLFESCHLEGELSTEINHAUSE", "Иванов",
	})
}

func births() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "1950", "1950-03", "1950-03-04", "1950-04-03", "1951", "x"})
}

func people() *rapid.Generator[described] {
	return rapid.Custom(func(t *rapid.T) described {
		return described{
			Surname: words().Draw(t, "surname"), BirthName: words().Draw(t, "birth name"),
			Given: words().Draw(t, "given"), Birth: births().Draw(t, "birth"),
		}
	})
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := people().Draw(t, "on file"), people().Draw(t, "document")
		on, p := a.onFile("A123456780"), b.document()
		own := ident.Compare(on, nil, p)
		if own == ident.Ambiguous || own.String() == "none" {
			t.Fatalf("%s without anybody else", own)
		}
		back := ident.Compare(b.onFile("A123456780"), nil, a.document())
		if (own == ident.Match) != (back == ident.Match) {
			t.Fatalf("a match on one side only: %s, %s", own, back)
		}
		if own == ident.Match && (a.Birth != b.Birth || len(a.Birth) != len(time.DateOnly)) {
			t.Fatalf("a match of %s and %s", a.Birth, b.Birth)
		}
		other := people().Draw(t, "namesake").onFile("B123456782")
		with := ident.Compare(on, []member.Member{other}, p)
		if with != own && (with != ident.Ambiguous || own == ident.Mismatch) {
			t.Fatalf("a namesake made %s of %s", with, own)
		}
		if own == ident.Match && ident.Compare(other, nil, p) == ident.Match && with != ident.Ambiguous {
			t.Fatalf("two match, and it is %s", with)
		}
		if own == ident.Match && ident.Compare(other, nil, p) == ident.Match && !ident.Namesake(on, other) {
			t.Fatal("the document matches two, and they are no namesakes")
		}
	})
}

func TestWhoeverIsDescribedAlikeMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := people().Draw(t, "person")
		got := ident.Compare(a.onFile("A123456780"), nil, a.document())
		named := len(ident.Forms(a.Surname))+len(ident.Forms(a.BirthName)) > 0 && len(ident.Forms(a.Given)) > 0
		if want := named && len(a.Birth) == len(time.DateOnly); want != (got == ident.Match) {
			t.Fatalf("%s, want a match: %v", got, want)
		}
	})
}

func FuzzCompare(f *testing.F) {
	for _, c := range vectors(f).Ladder {
		f.Add(c.OnFile.Surname, c.OnFile.BirthName, c.OnFile.Given, c.OnFile.Birth, c.Ident.Surname, c.Ident.Given, c.Ident.Birth)
	}
	f.Add("Dr. h.c. Graf von und zu", "von", "Ä Å", "1950-02-30", "ÄÖÜÑÅ", "", "19")
	f.Fuzz(func(t *testing.T, surname, birthName, given, birth, shown, shownGiven, shownBirth string) {
		a := described{Surname: surname, BirthName: birthName, Given: given, Birth: birth}
		b := described{Surname: shown, Given: shownGiven, Birth: shownBirth}
		got := ident.Compare(a.onFile("A123456780"), nil, b.document())
		back := ident.Compare(b.onFile("A123456780"), nil, a.document())
		switch {
		case got != ident.Match && got != ident.Review && got != ident.Mismatch:
			t.Fatalf("%s", got)
		case (got == ident.Match) != (back == ident.Match):
			t.Fatalf("%s there, %s back", got, back)
		case got == ident.Match && (birth != shownBirth || len(birth) != len(time.DateOnly)):
			t.Fatalf("a match of %q and %q", birth, shownBirth)
		case got != ident.Mismatch && len(ident.Forms(shown)) == 0:
			t.Fatalf("%s of a surname without form", got)
		}
		twin := a.onFile("B123456782")
		if with := ident.Compare(a.onFile("A123456780"), []member.Member{twin}, b.document()); got != ident.Mismatch && with != ident.Ambiguous {
			t.Fatalf("%s beside a twin of the same names", with)
		}
	})
}
