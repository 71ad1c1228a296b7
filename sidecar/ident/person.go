package ident

import "log/slog"

// Person is somebody as an identity document or an identification service
// describes them. Every field may be empty; texts are as the service gave them,
// in any spelling of the document (visual or machine readable zone).
type Person struct {
	Surname   string
	BirthName string
	Given     string // all given names
	BirthDate string // "1950-03-04", "1950-03" or "1950": as far as the document knows
	// Postcode and Country belong to the address in the document; both are
	// empty where it has none. Country is DE, DEU or D for Germany.
	Postcode string
	Country  string
}

// String hides the person, so that printing one by accident tells nothing.
func (p Person) String() string { return "Person(hidden)" }

// GoString hides the person from %#v too.
func (p Person) GoString() string { return p.String() }

// LogValue hides the person from a log that writes fields.
func (p Person) LogValue() slog.Value { return slog.StringValue(p.String()) }
