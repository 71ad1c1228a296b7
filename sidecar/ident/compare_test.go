package ident_test

import (
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

// row is one comparison: surname/birth name/given/birth date, on file and in
// the document.
type row struct {
	file, document string
	want           ident.Verdict
}

func of(text string) described {
	f := strings.Split(text, "/")
	return described{Surname: f[0], BirthName: f[1], Given: f[2], Birth: f[3]}
}

func TestCompare(t *testing.T) {
	for name, c := range map[string]row{
		"the same":                           {"Groß//Eva/1966-01-31", "GROSS//EVA/1966-01-31", ident.Match},
		"birth name in both, married since":  {"Groß/Yıldız/Eva/1966-01-31", "KLEIN/YILDIZ/EVA/1966-01-31", ident.Match},
		"married, the insurer does not know": {"Groß//Eva/1966-01-31", "KLEIN/GROSS/EVA/1966-01-31", ident.Match},
		"another birth name only":            {"Groß/Alt/Eva/1966-01-31", "KLEIN/NEU/EVA/1966-01-31", ident.Mismatch},
		"same surname, other birth name":     {"Groß/Alt/Eva/1966-01-31", "GROSS/NEU/EVA/1966-01-31", ident.Match},

		"month and day swapped":         {"Groß//Eva/1966-03-01", "GROSS//EVA/1966-01-03", ident.Mismatch},
		"month known, agrees":           {"Groß//Eva/1966-01-31", "GROSS//EVA/1966-01", ident.Review},
		"month known, differs":          {"Groß//Eva/1966-01-31", "GROSS//EVA/1966-02", ident.Mismatch},
		"only the year on both sides":   {"Groß//Eva/1966", "GROSS//EVA/1966", ident.Review},
		"only the year, on file":        {"Groß//Eva/1966", "GROSS//EVA/1966-01-31", ident.Review},
		"no birth date on file":         {"Groß//Eva/", "GROSS//EVA/1966-01-31", ident.Review},
		"no birth date in the document": {"Groß//Eva/1966-01-31", "GROSS//EVA/", ident.Review},
		"part of a year":                {"Groß//Eva/1966-01-31", "GROSS//EVA/196", ident.Mismatch},
		"no date at all":                {"Groß//Eva/31.1.1966", "GROSS//EVA/31.1.1966", ident.Mismatch},
		"no such day":                   {"Groß//Eva/1966-02-30", "GROSS//EVA/1966-02-30", ident.Mismatch},

		"prefix missing in the document": {"von und zu Berg//Eva/1966-01-31", "BERG//EVA/1966-01-31", ident.Match},
		"prefix missing on file":         {"Berg//Eva/1966-01-31", "VAN DER BERG//EVA/1966-01-31", ident.Match},
		"another prefix":                 {"von Berg//Eva/1966-01-31", "VAN BERG//EVA/1966-01-31", ident.Review},
		"a title of nobility":            {"Freiherr von Berg//Eva/1966-01-31", "VON BERG//EVA/1966-01-31", ident.Match},
		"a surname that is a title":      {"Graf-Schmidt//Eva/1966-01-31", "SCHMIDT//EVA/1966-01-31", ident.Review},
		"a longer one":                   {"Graf-Schmidt-Berg//Eva/1966-01-31", "SCHMIDT BERG//EVA/1966-01-31", ident.Review},
		"a title before a lone prefix":   {"Graf Von//Eva/1966-01-31", "VON//EVA/1966-01-31", ident.Review},
		"honoris causa in one word":      {"Dr. hc Berg//Eva/1966-01-31", "BERG//EVA/1966-01-31", ident.Match},
		"doctor ehrenhalber":             {"Dr. e.h. Berg//Eva/1966-01-31", "BERG//EVA/1966-01-31", ident.Match},
		"a name like a degree's end":     {"Dr. E H//Eva/1966-01-31", "E H//EVA/1966-01-31", ident.Match},
		"professor, twice doctor":        {"Prof. Dr. h.c. Dr. Berg//Eva/1966-01-31", "BERG//EVA/1966-01-31", ident.Match},
		"doctor with a prefix":           {"von Berg//Eva/1966-01-31", "DR. VON BERG//EVA/1966-01-31", ident.Match},
		"a name that is a prefix":        {"Von//Eva/1966-01-31", "VON//EVA/1966-01-31", ident.Match},
		"a prefix is no part":            {"von Berg//Eva/1966-01-31", "VON//EVA/1966-01-31", ident.Mismatch},
		"a name that is a degree":        {"Dr//Eva/1966-01-31", "DR//EVA/1966-01-31", ident.Match},
		"a degree is no part":            {"Dr. Berg//Eva/1966-01-31", "DR//EVA/1966-01-31", ident.Mismatch},

		"second part of a double name":  {"Meyer-Schmidt//Lea/1999-09-09", "SCHMIDT//LEA/1999-09-09", ident.Review},
		"double name in the document":   {"Meyer//Lea/1999-09-09", "MEYER SCHMIDT//LEA/1999-09-09", ident.Review},
		"double name the other way":     {"Meyer-Schmidt//Lea/1999-09-09", "SCHMIDT MEYER//LEA/1999-09-09", ident.Review},
		"one part in common only":       {"Meyer-Schmidt//Lea/1999-09-09", "MEYER WEBER//LEA/1999-09-09", ident.Mismatch},
		"part and other given name":     {"Meyer-Schmidt//Lea Anna/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Review},
		"a short beginning is no cut":   {"Schmidtmeier//Lea/1999-09-09", "SCHMIDT//LEA/1999-09-09", ident.Mismatch},
		"19 places are no cut":          {"Abcdefghijklmnopqrstu//Lea/1999-09-09", "ABCDEFGHIJKLMNOPQRS//LEA/1999-09-09", ident.Mismatch},
		"20 places may be cut":          {"Abcdefghijklmnopqrstu//Lea/1999-09-09", "ABCDEFGHIJKLMNOPQRST//LEA/1999-09-09", ident.Review},
		"the one on file is not cut":    {"Abcdefghijklmnopqrst//Lea/1999-09-09", "ABCDEFGHIJKLMNOPQRSTU//LEA/1999-09-09", ident.Mismatch},
		"no surname in the document":    {"Meyer//Lea/1999-09-09", "//LEA/1999-09-09", ident.Mismatch},
		"no surname on file":            {"//Lea/1999-09-09", "//LEA/1999-09-09", ident.Mismatch},
		"letters that are not Latin":    {"Иванов//Lea/1999-09-09", "Иванов//LEA/1999-09-09", ident.Mismatch},
		"umlaut written in another way": {"Muller//Lea/1999-09-09", "MUELLER//LEA/1999-09-09", ident.Mismatch},

		"hyphen in given names":           {"Meyer//Anna-Lena/1999-09-09", "MEYER//ANNA LENA/1999-09-09", ident.Match},
		"call name in the document":       {"Meyer//Anna Lena/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Match},
		"first the same, second not":      {"Meyer//Anna Lena/1999-09-09", "MEYER//ANNA MARIA/1999-09-09", ident.Review},
		"second the same, first not":      {"Meyer//Anna Sophie/1999-09-09", "MEYER//LENA SOPHIE/1999-09-09", ident.Mismatch},
		"further names in the document":   {"Meyer//Lena/1999-09-09", "MEYER//ANNA LENA/1999-09-09", ident.Review},
		"a name twice is not it and more": {"Meyer//Anna Anna/1999-09-09", "MEYER//ANNA LENA/1999-09-09", ident.Review},
		"cut in a full field":             {"Abcdefghijklmnopqrstu//Franziska/1999-09-09", "ABCDEFGHIJKLMNOPQRSTU//FRANZI/1999-09-09", ident.Review},
		"cut in a field with room":        {"Abcdefghijklmnopqrst//Franziska/1999-09-09", "ABCDEFGHIJKLMNOPQRST//FRANZI/1999-09-09", ident.Mismatch},
		"another name in a full field":    {"Abcdefghijklmnopqrstu//Franziska/1999-09-09", "ABCDEFGHIJKLMNOPQRSTU//FRIEDA/1999-09-09", ident.Mismatch},
		"no given name on file":           {"Meyer///1999-09-09", "MEYER//LEA/1999-09-09", ident.Review},
		"no given name in the document":   {"Meyer//Lea/1999-09-09", "MEYER// /1999-09-09", ident.Review},
		"no given name, no birth date":    {"Meyer///", "MEYER//LEA/1999-09-09", ident.Mismatch},
		"neither in the document":         {"Meyer//Lea/1999-09-09", "MEYER///", ident.Mismatch},
		"nothing":                         {"///", "///", ident.Mismatch},
	} {
		if got := ident.Compare(of(c.file).onFile("A123456780"), nil, of(c.document).document()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNamesakes(t *testing.T) {
	for name, c := range map[string]struct {
		file, other, document string
		want                  ident.Verdict
	}{
		"nobody else fits":                 {"Meyer//Anna/1999-09-09", "Meyer//Lena/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Match},
		"two of the same name":             {"Meyer//Anna/1999-09-09", "Meyer//Anna/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Ambiguous},
		"twins, and only the first name":   {"Meyer//Anna Lena/1999-09-09", "Meyer//Anna Maria/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Ambiguous},
		"the other may fit":                {"Meyer//Anna Maria/1999-09-09", "Meyer//Maria/1999-09-09", "MEYER//ANNA MARIA/1999-09-09", ident.Ambiguous},
		"it is rather the other":           {"Meyer//Anna Maria/1999-09-09", "Meyer//Maria/1999-09-09", "MEYER//MARIA/1999-09-09", ident.Ambiguous},
		"the other by birth name":          {"Meyer//Anna/1999-09-09", "Weber/Meyer/Anna/1999-09-09", "MEYER//ANNA/1999-09-09", ident.Ambiguous},
		"only the other fits":              {"Meyer//Anna/1999-09-09", "Meyer//Lena/1999-09-09", "MEYER//LENA/1999-09-09", ident.Mismatch},
		"the other's year agrees":          {"Meyer//Anna/1999-09-09", "Meyer//Anna/1999", "MEYER//ANNA/1999-09-09", ident.Ambiguous},
		"a twin of whom no given is known": {"Meyer//Anna/1999-09-09", "Meyer///1999-09-09", "MEYER//ANNA/1999-09-09", ident.Ambiguous},
	} {
		other := of(c.other).onFile("B123456782")
		if got := ident.Compare(of(c.file).onFile("A123456780"), []member.Member{other}, of(c.document).document()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	own := of("Meyer//Anna/1999-09-09").onFile("A123456780")
	if got := ident.Compare(own, []member.Member{own}, of("MEYER//ANNA/1999-09-09").document()); got != ident.Match {
		t.Errorf("a member is no namesake of their own: %s", got)
	}
}

func TestACutListOfNamesakesConcludesNothing(t *testing.T) {
	own := of("Meyer//Anna/1999-09-09").onFile("A123456780")
	strangers := make([]member.Member, member.MaxNamesakes)
	for document, want := range map[string][2]ident.Verdict{
		"MEYER//ANNA/1999-09-09": {ident.Match, ident.Ambiguous},
		"MEYER//ANNA/1999":       {ident.Review, ident.Ambiguous},
		"MEYER//LENA/1999-09-09": {ident.Mismatch, ident.Mismatch},
	} {
		p := of(document).document()
		got := [2]ident.Verdict{ident.Compare(own, strangers[1:], p), ident.Compare(own, strangers, p)}
		if got != want {
			t.Errorf("%s: %s, %s; want %s, %s", document, got[0], got[1], want[0], want[1])
		}
	}
}

func TestPostcode(t *testing.T) {
	const match, review = "Meyer//Anna Maria/1999-09-09", "Meyer//Maria/1999-09-09"
	for name, c := range map[string]struct {
		other                       string
		onFile, theirs, shown, land string
		want                        ident.Verdict
	}{
		"tells the namesake apart":        {review, "10115", "20095", "10115", "DE", ident.Match},
		"country in three letters":        {review, "10115", "20095", "10115", "deu", ident.Match},
		"country in one letter":           {review, "10115", "20095", "10115", "D", ident.Match},
		"is the same":                     {review, "10115", "10115", "10115", "DE", ident.Ambiguous},
		"is the namesake's":               {review, "10115", "20095", "20095", "DE", ident.Ambiguous},
		"is nobody's":                     {review, "10115", "20095", "50667", "DE", ident.Ambiguous},
		"of the namesake is not known":    {review, "10115", "", "10115", "DE", ident.Ambiguous},
		"is not known":                    {review, "", "20095", "", "DE", ident.Ambiguous},
		"of another country":              {review, "10115", "20095", "10115", "US", ident.Ambiguous},
		"of no country":                   {review, "10115", "20095", "10115", "", ident.Ambiguous},
		"is no postcode":                  {review, "1011", "20095", "1011", "DE", ident.Ambiguous},
		"decides not between two matches": {match, "10115", "20095", "10115", "DE", ident.Ambiguous},
	} {
		own, other := of(match).onFile("A123456780"), of(c.other).onFile("B123456782")
		own.Postcode, other.Postcode = c.onFile, c.theirs
		p := of("MEYER//ANNA MARIA/1999-09-09").document()
		p.Postcode, p.Country = c.shown, c.land
		if got := ident.Compare(own, []member.Member{other}, p); got != c.want {
			t.Errorf("a postcode that %s: %s, want %s", name, got, c.want)
		}
	}
	own, p := of("Meyer//Anna/1999-09-09").onFile("A123456780"), of("MEYER//ANNA/1999").document()
	own.Postcode, p.Postcode, p.Country = "10115", "10115", "DE"
	if got := ident.Compare(own, nil, p); got != ident.Review {
		t.Errorf("the same postcode made %s of a review", got)
	}
	p.BirthDate, p.Postcode = "1999-09-09", "20095"
	if got := ident.Compare(own, nil, p); got != ident.Match {
		t.Errorf("another postcode made %s of a match", got)
	}
	own = of("Meyer//Anna Maria/1999").onFile("A123456780") // a review itself
	other := of("Meyer//Maria/1999-09-09").onFile("B123456782")
	own.Postcode, other.Postcode, p = "10115", "20095", of("MEYER//ANNA MARIA/1999-09-09").document()
	p.Postcode, p.Country = "10115", "DE"
	if got := ident.Compare(own, []member.Member{other}, p); got != ident.Ambiguous {
		t.Errorf("the postcode decided between two reviews: %s", got)
	}
}

func TestNamesake(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		want bool
	}{
		"same surname":         {"Müller//Anna/1999-09-09", "Mueller//Bert/1999-09-09", true},
		"by birth name":        {"Weber/Müller/Anna/1999-09-09", "Müller//Bert/1999-09-09", true},
		"by both birth names":  {"Weber/Müller/Anna/1999-09-09", "Groß/Müller/Bert/1999-09-09", true},
		"with a prefix":        {"von Berg//Anna/1999-09-09", "Berg//Bert/1999-09-09", true},
		"date less known":      {"Müller//Anna/1999-09-09", "Müller//Bert/1999-09", true},
		"another date":         {"Müller//Anna/1999-09-09", "Müller//Anna/1999-09-10", false},
		"no date":              {"Müller//Anna/1999-09-09", "Müller//Anna/", false},
		"no date, either":      {"Müller//Anna/", "Müller//Anna/1999-09-09", false},
		"part of a surname":    {"Müller//Anna/1999-09-09", "Müller-Groß//Anna/1999-09-09", false},
		"another surname":      {"Müller//Anna/1999-09-09", "Groß//Anna/1999-09-09", false},
		"no birth name at all": {"Müller//Anna/1999-09-09", "Groß//Anna/1999-09-09", false},
	} {
		a, b := of(c.a).onFile("A123456780"), of(c.b).onFile("B123456782")
		if ident.Namesake(a, b) != c.want || ident.Namesake(b, a) != c.want {
			t.Errorf("%s: %v and %v, want %v", name, ident.Namesake(a, b), ident.Namesake(b, a), c.want)
		}
		b.KVNR = a.KVNR
		if ident.Namesake(a, b) {
			t.Errorf("%s: a namesake of their own", name)
		}
	}
}

func TestVerdictNames(t *testing.T) {
	for v, want := range map[ident.Verdict]string{
		0: "none", ident.Match: "match", ident.Review: "review", ident.Mismatch: "mismatch", ident.Ambiguous: "ambiguous",
		ident.Ambiguous + 1: "none",
	} {
		if v.String() != want {
			t.Errorf("%d: %s, want %s", v, v, want)
		}
	}
}
