package webcenter

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode"
)

// order is a change as it is executed. Its JSON is what a person approves: the
// members have one order and no other form, so that the same change has the
// same bytes. Number is in it, so that nobody's approval serves somebody else.
type order struct {
	Version  int       `json:"v"`
	Action   string    `json:"action"` // as configured in Schleuse
	Number   string    `json:"number"`
	Address  *address  `json:"address,omitempty"`
	Bank     *bank     `json:"bank,omitempty"`
	Kind     string    `json:"kind,omitempty"` // of an application
	Document *document `json:"document,omitempty"`
}

// Actions, as Schleuse's configuration names them.
const (
	changeAddress   = "adresse"
	changeBank      = "bank"
	sendApplication = "antrag"
)

type address struct {
	Street   string `json:"street"`
	Postcode string `json:"postcode"`
	Town     string `json:"town"`
}

func (a address) String() string { return a.Street + ", " + a.Postcode + " " + a.Town }

type bank struct {
	Holder string `json:"holder"`
	IBAN   string `json:"iban"` // without spaces
}

// document is a file as it was sent, every byte of it.
type document struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes []byte `json:"bytes"`
}

func (d *document) String() string {
	if d == nil {
		return "ohne Nachweis"
	}
	return fmt.Sprintf("%s (%s, %d Bytes)", d.Name, d.Type, len(d.Bytes))
}

// content is what is approved and executed.
func (o order) content() ([]byte, error) { return json.Marshal(o) }

// fields is what the phone shows of an order, which replaces present.
func (o order) fields(present address) map[string]string {
	switch o.Action {
	case changeAddress:
		return map[string]string{"alt": present.String(), "neu": o.Address.String()}
	case changeBank:
		return map[string]string{"inhaber": o.Bank.Holder, "iban": grouped(o.Bank.IBAN)}
	default:
		return map[string]string{"art": o.Kind, "datei": o.Document.String()}
	}
}

// line is one thing that an order is about, as the page shows it.
type line struct{ Label, Value string }

// lines show the same as the phone, in the same order.
func lines(action string, fields map[string]string) []line {
	switch action {
	case changeAddress:
		return []line{{"Bisherige Adresse", fields["alt"]}, {"Neue Adresse", fields["neu"]}}
	case changeBank:
		return []line{{"Kontoinhaber", fields["inhaber"]}, {"IBAN", fields["iban"]}}
	default:
		return []line{{"Antrag", fields["art"]}, {"Nachweis", fields["datei"]}}
	}
}

// title is what the person wants, in words.
func title(action string) string {
	switch action {
	case changeAddress:
		return "Adresse ändern"
	case changeBank:
		return "Bankverbindung ändern"
	default:
		return "Antrag senden"
	}
}

// form is the page on which such an order begins.
func form(action string) string {
	switch action {
	case changeAddress:
		return "/adresse"
	case changeBank:
		return "/bank"
	default:
		return "/antraege/"
	}
}

// readable reports whether a phone can show the text as it is: no control and
// no formatting characters, which could make it look like another.
func readable(text string) bool {
	for _, r := range text {
		if r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return false
		}
	}
	return true
}

// record is what the insurer has of a person.
type record struct {
	Address address
	Bank    bank
	Sent    []application
}

// application is what a person applied for.
type application struct {
	Kind, Document string
	At             time.Time
}

// applyTo executes the order.
func (o order) applyTo(r *record, now time.Time) {
	switch o.Action {
	case changeAddress:
		r.Address = *o.Address
	case changeBank:
		r.Bank = *o.Bank
	case sendApplication:
		sent := application{Kind: o.Kind, At: now}
		if o.Document != nil {
			sent.Document = o.Document.Name
		}
		r.Sent = append(r.Sent, sent)
		r.Sent = r.Sent[max(0, len(r.Sent)-sentLimit):]
	}
}

// sentLimit is how many applications of one person are kept, the latest.
const sentLimit = 20
