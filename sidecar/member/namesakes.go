package member

import "context"

// MaxNamesakes is how many people a Namesaker tells of. A list of so many may
// be cut: who is not in it is then not known, and nobody's identity may be
// concluded from a name.
const MaxNamesakes = 20

// Namesaker is implemented by a Directory that can tell whom a document might
// mean instead of the person it should mean.
type Namesaker interface {
	// Namesakes returns the other insured people, whatever their status, who
	// have the person's birth date, as far as both are known, and a surname or
	// birth name equal to the person's surname or birth name
	// (ident.Namesake); at most MaxNamesakes. The errors are those of Find.
	Namesakes(ctx context.Context, number KVNR) ([]Member, error)
}

// Namesakes asks the directory for the person's namesakes. A directory that
// cannot tell knows of none.
func Namesakes(ctx context.Context, d Directory, number KVNR) ([]Member, error) {
	n, ok := d.(Namesaker)
	if !ok {
		return nil, nil
	}
	return n.Namesakes(ctx, number)
}
