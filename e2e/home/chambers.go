package home

// Chamber is one stretch of the way in, as the latest login has passed it.
type Chamber struct {
	Name, State string // State: passed, open, closed, refused
}

// States of a chamber.
const (
	passed  = "passed"
	open    = "open"
	closed  = "closed"
	refused = "refused"
)

// Chambers reads, from entries newest first, how far the latest login has
// come. What comes before the password leaves no trace in the audit: a held
// login is the first that is known of it.
func Chambers(entries []Entry) []Chamber {
	names := []string{"Nummer", "Anmeldung", "Karte", "Freigabe"}
	states := []string{closed, closed, closed, closed}
	for _, entry := range entries {
		if found := progress(entry); found != nil {
			states = found
			break
		}
	}
	chambers := make([]Chamber, len(names))
	for i, name := range names {
		chambers[i] = Chamber{Name: name, State: states[i]}
	}
	return chambers
}

func progress(entry Entry) []string {
	switch entry.Action {
	case "login.held":
		return []string{passed, passed, open, closed}
	case "role.grant":
		return []string{passed, passed, passed, open}
	case "login.released", "login.passed":
		return []string{passed, passed, passed, passed}
	case "login.failed":
		return []string{passed, passed, refused, closed}
	}
	return nil
}
