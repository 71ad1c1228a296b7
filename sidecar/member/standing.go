package member

import "time"

// OwnAccountAge is the age in years from which insured people act for
// themselves towards an insurer (§ 36 SGB I); a default for settings.
const OwnAccountAge = 15

// Standing says whether a person may be identified, and have or get an account.
// The zero Standing is unknown and opens nothing.
type Standing uint8

// The standings. Only Fine lets somebody go on.
const (
	StandingUnknown Standing = iota
	Fine
	NotYet
	Left
	Deceased
	UnderAge
	Represented
)

// Refusal is the end of the catalogue key that tells the person why they
// cannot go on, such as "left" in "denied.left"; empty = they can.
func (s Standing) Refusal() string {
	words := [...]string{
		StandingUnknown: "not_on_file", Fine: "", NotYet: "not_yet", Left: "left", Deceased: "deceased",
		UnderAge: "under_age", Represented: "represented",
	}
	if int(s) >= len(words) {
		s = StandingUnknown
	}
	return words[s]
}

// Standing says what the person's status and age mean on the day of now. from
// is the age in years from which one may have an own account; 0 leaves the age
// to the status.
//
// The status decides first. Of an active member the birth date must also say
// that they are old enough: as far as it is known, taken as late as it can be,
// so that nobody of whom only the year is known passes too early. A birth date
// that is not on file at all leaves the age to the status; one that cannot be
// read is StandingUnknown.
func (m Member) Standing(now time.Time, from int) Standing {
	switch m.Status {
	case StatusActive:
		return standingByAge(m.BirthDate, now, from)
	case StatusNotYet:
		return NotYet
	case StatusLeft:
		return Left
	case StatusDeceased:
		return Deceased
	case StatusUnderAge:
		return UnderAge
	case StatusRepresented:
		return Represented
	}
	return StandingUnknown
}

func standingByAge(birth string, now time.Time, from int) Standing {
	if from <= 0 || birth == "" {
		return Fine
	}
	day, ok := latest(birth)
	switch {
	case !ok:
		return StandingUnknown
	case now.Before(time.Date(day.Year()+from, day.Month(), day.Day(), 0, 0, 0, 0, now.Location())):
		return UnderAge // who was born on 29 February completes a year with the 28th (§ 188 BGB)
	}
	return Fine
}

// latest returns the last day that a birth date, as far as it is known, can
// mean.
func latest(birth string) (time.Time, bool) {
	for _, form := range []struct {
		layout        string
		years, months int
	}{{time.DateOnly, 0, 0}, {"2006-01", 0, 1}, {"2006", 1, 0}} {
		first, err := time.Parse(form.layout, birth)
		if err != nil {
			continue
		}
		if form.years+form.months > 0 {
			return first.AddDate(form.years, form.months, -1), true
		}
		return first, true
	}
	return time.Time{}, false
}
