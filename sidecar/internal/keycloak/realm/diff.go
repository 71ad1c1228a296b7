package realm

import (
	"context"
	"fmt"
	"strings"
)

// Diff is what is to be changed, in the order in which it is done, and what an
// administrator should look at.
type Diff struct {
	Changes  []Change
	Warnings []string
}

// Change is one difference.
type Change struct {
	Object string // such as "client webcenter"
	Field  string // empty when the object as a whole is made
	From   string // empty when there was nothing
	To     string // empty when it is removed

	do func(context.Context) error
}

// String returns the difference on one line. It shows no secret.
func (c Change) String() string {
	switch {
	case c.Field == "":
		return strings.TrimRight(fmt.Sprintf("+ %s %s", c.Object, c.To), " ")
	case c.From == "":
		return fmt.Sprintf("+ %s: %s: %s", c.Object, c.Field, c.To)
	case c.To == "":
		return fmt.Sprintf("- %s: %s: %s", c.Object, c.Field, c.From)
	}
	return fmt.Sprintf("~ %s: %s: %s → %s", c.Object, c.Field, c.From, c.To)
}

// Empty reports whether there is nothing to change.
func (d Diff) Empty() bool { return len(d.Changes) == 0 }

// String returns the changes and the warnings, a line each.
func (d Diff) String() string {
	var b strings.Builder
	for _, c := range d.Changes {
		fmt.Fprintln(&b, c)
	}
	for _, w := range d.Warnings {
		fmt.Fprintln(&b, "warning: "+w)
	}
	return b.String()
}
