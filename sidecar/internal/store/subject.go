package store

import (
	"github.com/schleuse/schleuse/sidecar/extension"
)

// whose are the look-up keys of a person, by a number or an account id: one
// domain for both, because an extension's key may be either.
func (s *Store) whose(id string) alternatives { return s.keys("person", id) }

// columns are the columns person and account of a row that is about somebody;
// of nobody in particular, it is about whom its key names.
func (s *Store) columns(about extension.Subject, key string) (person, account any) {
	if about.Number == "" && about.Account == "" {
		return s.whose(key).primary(), nil
	}
	if about.Number != "" {
		person = s.whose(string(about.Number)).primary()
	}
	if about.Account != "" {
		account = s.whose(string(about.Account)).primary()
	}
	return person, account
}

// flag is how a truth stands in a column.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
