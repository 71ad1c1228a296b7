package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/member"
)

// The largest answers, in bytes.
const (
	maxRecord    = 64 << 10
	maxNamesakes = 512 << 10
)

// record is one person as the service tells them.
type record struct {
	KVNR       string     `json:"kvnr"`
	Status     string     `json:"status"`
	Surname    string     `json:"surname"`
	Given      string     `json:"given"`
	BirthName  string     `json:"birth_name"`
	BirthDate  string     `json:"birth_date"`
	HasAddress *bool      `json:"has_address"`
	Postcode   string     `json:"postcode"`
	Mail       string     `json:"mail"`
	Cards      []cardForm `json:"cards"`
}

type cardForm struct {
	Last4     string `json:"last4"`
	ValidFrom string `json:"valid_from"`
	State     string `json:"state"`
}

// parser reads answers. zone is member.Zone.
type parser struct{ zone *time.Location }

// one reads the answer about one person, who must be the one asked for.
func (p parser) one(raw []byte, number member.KVNR) (member.Member, error) {
	var r record
	if err := decode(raw, &r); err != nil {
		return member.Member{}, err
	}
	m, err := p.person(r)
	if err == nil && m.KVNR != number {
		return member.Member{}, garbage("another number than the one asked for")
	}
	return m, err
}

// several reads the answer about a person's namesakes.
func (p parser) several(raw []byte, number member.KVNR) ([]member.Member, error) {
	var answer struct {
		Members *[]record `json:"members"`
	}
	if err := decode(raw, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Members == nil:
		return nil, garbage("members is missing")
	case len(*answer.Members) > member.MaxNamesakes:
		return nil, garbage("more namesakes than may be told")
	}
	var out []member.Member
	for _, r := range *answer.Members {
		m, err := p.person(r)
		if err != nil {
			return nil, err
		}
		if m.KVNR == number {
			return nil, garbage("the person is among their own namesakes")
		}
		out = append(out, m)
	}
	return out, nil
}

// person turns a record into a member, or says what is wrong with it.
func (p parser) person(r record) (member.Member, error) {
	number, err := member.ParseKVNR(r.KVNR, false) // the service's business; the form is enough here
	if err != nil || string(number) != r.KVNR {
		return member.Member{}, garbage("kvnr is no number")
	}
	status, ok := member.ParseStatus(r.Status)
	if !ok {
		return member.Member{}, garbage("status is none of " + member.StatusWords)
	}
	m := member.Member{
		KVNR: number, Status: status, Surname: strings.TrimSpace(r.Surname), Given: strings.TrimSpace(r.Given),
		BirthName: strings.TrimSpace(r.BirthName), BirthDate: r.BirthDate, HasAddress: r.Postcode != "", Postcode: r.Postcode, Mail: r.Mail,
	}
	if r.HasAddress != nil {
		m.HasAddress = *r.HasAddress
	}
	if m.Postcode != "" && !m.HasAddress {
		return member.Member{}, garbage("a postcode without an address")
	}
	if err := m.Check(); err != nil {
		return member.Member{}, garbage(err.Error())
	}
	m.Cards, err = p.cards(r.Cards)
	return m, err
}

func (p parser) cards(forms []cardForm) ([]member.Card, error) {
	if len(forms) > member.MaxCards {
		return nil, garbage("too many cards")
	}
	var cards []member.Card
	for _, f := range forms {
		c, err := member.ReadCard(f.Last4, f.ValidFrom, f.State, p.zone)
		if err != nil {
			return nil, garbage("cards: " + err.Error())
		}
		cards = append(cards, c)
	}
	member.SortCards(cards)
	return cards, nil
}

// decode reads one JSON value strictly: no unknown name, none twice or in
// another case, nothing behind it. encoding/json would take the last of several
// names, and so might read another status than the service's own tools.
func decode(raw []byte, into any) error {
	if !utf8.Valid(raw) {
		return garbage("not UTF-8")
	}
	if err := unambiguous(json.NewDecoder(bytes.NewReader(raw)), maxDepth); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return garbage("a name or a type is none of the documented ones")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return garbage("something behind the value")
	}
	return nil
}

// maxDepth is how deep values may be nested: {members: [{cards: [{…}]}]}.
const maxDepth = 5

// unambiguous reads one value and refuses names that occur twice in an object,
// or not in lower case, and what is nested deeper than depth.
func unambiguous(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return garbage("no JSON")
	}
	open, ok := t.(json.Delim)
	switch {
	case !ok:
		return nil
	case depth == 0:
		return garbage("nested too deep")
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' && !unseen(d, seen) {
			return garbage("a name twice, or not in lower case")
		}
		if err := unambiguous(d, depth-1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return garbage("no JSON")
	}
	return nil
}

// unseen reads a name, which must not have been seen in this object.
func unseen(d *json.Decoder, seen map[string]bool) bool {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok || seen[name] || name != strings.ToLower(name) {
		return false
	}
	seen[name] = true
	return true
}
