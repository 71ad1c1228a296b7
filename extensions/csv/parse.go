package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/member"
)

// Header is the first line of the file.
const Header = "kvnr;status;surname;given;birth_name;birth_date;postcode;mail;cards"

// maxProblems is how many are reported of one file.
const maxProblems = 20

// problem is what is wrong with a line. It never holds the line's content.
type problem struct {
	line   int
	reason string
}

func (p problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.reason) }

// parser reads one file.
type parser struct{ strict bool }

// parse returns the members of a file, or all that is wrong with it.
func (p parser) parse(raw []byte) (table, error) {
	if err := encoding(raw); err != nil {
		return table{}, err
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) // what Excel puts in front of UTF-8
	place, err := time.LoadLocation(member.Zone)
	if err != nil {
		return table{}, err
	}
	r := reading{parser: p, zone: place, members: table{map[member.KVNR]member.Member{}, map[string][]member.KVNR{}}, lines: map[member.KVNR]int{}}
	r.csv = stdcsv.NewReader(bytes.NewReader(raw))
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = ';', -1, true
	r.all()
	if len(r.problems) == 0 && len(r.members.members) == 0 {
		r.fail(1, "nobody stands below the first line")
	}
	if len(r.problems) > 0 {
		return table{}, errors.Join(r.problems...)
	}
	return r.members, nil
}

// encoding says how to save a file that is not UTF-8.
func encoding(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return errors.New("the file is UTF-16: save it as UTF-8")
	}
	if utf8.Valid(raw) {
		return nil
	}
	for i, line := range bytes.Split(raw, []byte("\n")) {
		if !utf8.Valid(line) {
			return problem{i + 1, "not UTF-8, perhaps Latin-1 or Windows-1252: save the file as UTF-8"}
		}
	}
	return nil
}

// reading is the state of reading one file.
type reading struct {
	parser
	csv      *stdcsv.Reader
	zone     *time.Location
	members  table
	lines    map[member.KVNR]int
	problems []error
}

func (r *reading) fail(line int, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.problems = append(r.problems, errors.New("and more"))
	}
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, problem{line, fmt.Sprintf(format, args...)})
	}
}

func (r *reading) all() {
	fields, err := r.csv.Read()
	if err != nil || strings.Join(fields, ";") != Header {
		r.fail(1, "the first line must be %s", Header)
		return
	}
	for {
		fields, err := r.csv.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var broken *stdcsv.ParseError
		if errors.As(err, &broken) {
			r.fail(broken.StartLine, "%v", broken.Err)
			return
		}
		line, _ := r.csv.FieldPos(0)
		if len(fields) != strings.Count(Header, ";")+1 {
			r.fail(line, "%d fields, want %d", len(fields), strings.Count(Header, ";")+1)
			continue
		}
		r.add(line, fields)
	}
}

func (r *reading) add(line int, fields []string) {
	for i, f := range fields {
		fields[i] = strings.Clone(strings.TrimSpace(f))
	}
	number, err := member.ParseKVNR(fields[0], r.strict)
	if err != nil {
		r.fail(line, "kvnr: %v", err)
		return
	}
	if first, twice := r.lines[number]; twice {
		r.fail(line, "the number stands in line %d already", first)
		return
	}
	r.lines[number] = line
	m := member.Member{
		KVNR: number, Surname: fields[2], Given: fields[3], BirthName: fields[4], BirthDate: fields[5],
		HasAddress: fields[6] != "", Postcode: fields[6], Mail: fields[7],
	}
	m.Status = r.status(line, fields[1])
	if err := m.Check(); err != nil {
		r.fail(line, "%v", err)
	}
	m.Cards = r.cards(line, fields[8])
	r.members.add(m)
}

func (r *reading) status(line int, word string) member.Status {
	s, ok := member.ParseStatus(word)
	if !ok {
		r.fail(line, "status is none of %s", member.StatusWords)
	}
	return s
}

// cards reads `last4:valid_from:state`, several separated by commas.
func (r *reading) cards(line int, field string) []member.Card {
	if field == "" {
		return nil
	}
	parts := strings.Split(field, ",")
	if len(parts) > member.MaxCards {
		r.fail(line, "%d cards, at most %d", len(parts), member.MaxCards)
		return nil
	}
	cards := make([]member.Card, 0, len(parts))
	for _, p := range parts {
		c, err := r.card(p)
		if err != nil {
			r.fail(line, "cards: %v", err)
		}
		cards = append(cards, c)
	}
	member.SortCards(cards)
	return cards
}

func (r *reading) card(text string) (member.Card, error) {
	parts := strings.Split(strings.TrimSpace(text), ":")
	if len(parts) != 3 {
		return member.Card{}, errors.New("a card is last4:valid_from:state")
	}
	return member.ReadCard(parts[0], parts[1], parts[2], r.zone)
}
