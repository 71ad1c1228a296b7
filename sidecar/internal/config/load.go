package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// Load reads and validates a file. What is wrong with it comes back as
// strictyaml.Problems, all at once, beside what could be read: enough to look
// for more mistakes, never to work with. Any other error says that the file
// could not be read, and comes without a Config.
func Load(file string) (*Config, error) {
	root, err := strictyaml.Load(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return decode(root)
}

// Parse is Load for a text; file is its name in messages.
func Parse(file string, data []byte) (*Config, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	return decode(root)
}

func decode(root strictyaml.Node) (*Config, error) {
	c := Default()
	c.root = root
	var problems strictyaml.Problems
	if err := root.Decode(&c); err != nil {
		if !errors.As(err, &problems) {
			return nil, err
		}
	}
	c.place()
	problems = append(problems, c.problems(problems)...)
	problems.Sort()
	return &c, problems.Err()
}

// place tells each extension where it stands, so that its own mistakes get a
// line even where it has no config block.
func (c *Config) place() {
	for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
		e := c.Extensions[name]
		e.at = c.root.At("extensions", name)
		c.Extensions[name] = e
	}
	if c.Members != nil {
		c.Members.at = c.root.At("members")
	}
	for i := range c.Notifiers {
		c.Notifiers[i].at = c.root.At("notifiers", strconv.Itoa(i))
	}
}

// Decode fills what into points at from the extension's config block, as
// extension.Factory wants it: strictly, over the defaults that are in it.
func (e Extension) Decode(into any) error { return e.Config.Decode(into) }

// Problem puts an extension's own objection to its settings in its place. An
// error that is Problems already stays as it is.
func (e Extension) Problem(err error) error {
	var problems strictyaml.Problems
	if err == nil || errors.As(err, &problems) {
		return err
	}
	at := e.at
	if e.Config.Present() {
		at = e.Config
	}
	return strictyaml.Problems{at.Problem(err.Error(), "see the README of the extension "+e.Kind)}
}

// Unknown says that there is no extension of this kind.
func (e Extension) Unknown(hint string) error {
	return strictyaml.Problems{e.at.At("kind").Problem("no such kind of extension", hint)}
}

// EachExtension calls fn for every extension of the file with its key there:
// the directory of members first, then the notifiers, then the others by name.
func (c *Config) EachExtension(fn func(key string, e Extension)) {
	if c.Members != nil {
		fn("members", *c.Members)
	}
	for i, n := range c.Notifiers {
		fn("notifiers["+strconv.Itoa(i)+"]", n.Extension())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Extensions)) {
		fn("extensions."+name, c.Extensions[name])
	}
}

// Problem puts an objection to a part of the file in its place.
func (c *Config) Problem(err error, hint string, keys ...string) strictyaml.Problem {
	return c.root.At(keys...).Problem(err.Error(), hint)
}
