package approval

import "time"

// admit is how a person is not worn down: one question at a time for each
// action, few in an hour, and a pause after a denial, or after wrong match codes, that
// grows with each. It returns the older approval that gives way to a, or counts that a was refused.
// The limits are proposals; none is published.
func admit(a Approval, recent []Approval, perHour int, now time.Time) (changed *Approval, refuse error) {
	for _, old := range recent {
		if old.StateAt(now) != Pending || old.Action != a.Action {
			continue
		}
		if !sameSession(old, a) {
			old.Refused++
			return &old, ErrPending
		}
		if wait := lull(a, recent, perHour, now); wait != nil {
			return nil, wait
		}
		old.State, old.Reason, old.Decided = Cancelled, Superseded, now
		return &old, nil
	}
	return nil, lull(a, recent, perHour, now)
}

// lull says how long the person is left alone; nil: not at all.
func lull(a Approval, recent []Approval, perHour int, now time.Time) error {
	if wait := crowd(recent, a.Client == Self, perHour, now); wait > 0 {
		return tooMany(wait)
	}
	if wait := max(sulk(recent, a.Action, now), doubt(recent, now)); wait > 0 {
		return paused(wait)
	}
	return nil
}

// doubt returns how long the person is left alone because wrong match codes were
// typed within the day, whatever for: who types them has the phone and its
// password, and guesses what another screen shows. A right code does not wash
// wrong ones away.
func doubt(recent []Approval, now time.Time) time.Duration {
	const tolerated, suspicious, enough = 6, 9, 12
	wrong := 0
	for _, old := range recent {
		if wrong += old.WrongCodes; wrong >= enough {
			return max(0, old.Created.Add(Recent).Sub(now)) // until these are a day old
		}
	}
	pause := 5 * time.Minute
	switch {
	case wrong < tolerated:
		return 0
	case wrong >= suspicious:
		pause = time.Hour
	}
	return max(0, lastWrong(recent, now).Add(pause).Sub(now))
}

// lastWrong returns when the last wrong code may have been typed.
func lastWrong(recent []Approval, now time.Time) (last time.Time) {
	for _, old := range recent {
		if old.WrongCodes == 0 {
			continue
		}
		ended := old.Decided
		if ended.IsZero() {
			ended = old.Expires
		}
		if ended.After(now) {
			return now
		}
		if ended.After(last) {
			last = ended
		}
	}
	return last
}

// sameSession reports whether the same browser session of the same client, or
// the same phone, asked both. Unknown sessions are all different.
func sameSession(old, a Approval) bool {
	if old.Client != a.Client {
		return false
	}
	return a.Session != "" && a.Session == old.Session || a.SameDevice != "" && a.SameDevice == old.SameDevice
}

// crowd returns how long until fewer than most were asked within the hour. Our
// own requests and those of clients are counted apart: whoever wears the clients'
// out at a web page keeps nobody from vouching for a phone.
func crowd(recent []Approval, own bool, most int, now time.Time) time.Duration {
	since := now.Add(-time.Hour)
	n := 0
	for _, old := range recent {
		if old.Created.After(since) && (old.Client == Self) == own {
			if n++; n == most {
				return old.Created.Sub(since)
			}
		}
	}
	return 0
}

// sulk returns what is left of the pause after denials of this action in a
// row. Only an approval ends the row; what expired or was cancelled does not.
func sulk(recent []Approval, action string, now time.Time) time.Duration {
	pauses := [...]time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour}
	row := 0
	var last time.Time
	for _, old := range recent {
		if old.Action != action {
			continue
		}
		if old.Answer != "" && old.State != Denied {
			break
		}
		if old.State == Denied {
			row++
			if old.Decided.After(last) {
				last = old.Decided
			}
		}
	}
	if row == 0 {
		return 0
	}
	return max(0, last.Add(pauses[min(row, len(pauses))-1]).Sub(now))
}
