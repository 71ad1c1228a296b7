package config

import (
	"cmp"
	"strconv"
)

// Called returns the name under which the notifier runs.
func (n Notifier) Called() string { return cmp.Or(n.Name, n.Kind) }

// Extension returns the notifier as what it is: an extension of its name.
func (n Notifier) Extension() Extension { return Extension{Kind: n.Kind, Config: n.Config, at: n.at} }

// notifiers share their names with the extensions, for each has its own store.
func (ck *checker) notifiers(c *Config) {
	seen := map[string]bool{}
	for i, n := range c.Notifiers {
		at := func(keys ...string) []string { return append([]string{"notifiers", strconv.Itoa(i)}, keys...) }
		name := n.Called()
		_, taken := c.Extensions[name]
		switch {
		case n.Kind == "":
			ck.at("is missing", "say which channel it is, such as mail", at("kind")...)
		case !extensionName.MatchString(name):
			ck.at("no name for a notifier", "1 to 32 of a–z, 0–9 and _, a letter first", at("name")...)
		case reserved(name):
			ck.at("this name is taken by Schleuse itself", "choose another", at("name")...)
		case taken || seen[name]:
			ck.at("this name is taken", "give it a name of its own", at()...)
		}
		seen[name] = true
	}
}
