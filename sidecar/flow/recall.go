package flow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Recall asks the closing steps, before the first step of a login is asked,
// whether this person was identified already and a crash kept them from the
// role. Then all of Back is passed. It may be repeated, and does nothing for
// an attempt that is under way. The caller makes sure that the login lives and
// that the person is not cleared.
func (e *Engine) Recall(ctx context.Context, id AttemptID) error {
	r, err := e.Attempts.Get(ctx, id)
	if err != nil || !fresh(r) {
		return err
	}
	for _, c := range e.closing() {
		a := r.Attempt
		a.Step, a.State = c.Name, nil
		proof, err := c.recaller.Recall(ctx, &a)
		switch {
		case err != nil:
			return fmt.Errorf("step %q: recalling: %w", c.Name, err)
		case proof.Kind == "":
			continue
		case proof.Account != r.Account:
			return fmt.Errorf("step %q: recalls another account than the one that signed in", c.Name)
		}
		_, err = e.Attempts.Update(ctx, id, func(r *Record) error {
			if fresh(*r) {
				e.prove(r, c.Chamber, proof)
				r.Recalled = c.Name
			}
			return nil
		})
		return err
	}
	return nil
}

// fresh reports whether a login has not come to its first step.
func fresh(r Record) bool {
	return r.Flow == Login && r.Status == Open && r.Step == "" && r.Account != "" &&
		len(r.Proofs)+len(r.Skipped)+len(r.Denied) == 0
}

// recalled reports whether an earlier identification stands for all of Back.
func recalled(r Record) bool {
	return r.Flow == Login && r.Recalled != "" && r.Proofs[r.Recalled].Kind != ""
}

// Forget drops what Recall answers from. It comes after the role is given and
// before the attempt is Cleared, so that nothing is forgotten that is still
// owed. It may be repeated.
func (e *Engine) Forget(ctx context.Context, r Record) error {
	for _, c := range e.closing() {
		a := r.Attempt
		a.Step, a.State = c.Name, nil
		if err := c.recaller.Forget(ctx, &a); err != nil {
			return fmt.Errorf("step %q: forgetting: %w", c.Name, err)
		}
	}
	return nil
}

// evidence is what the proofs of an attempt note, by the names of their steps;
// one without a note is told by its kind.
func evidence(r Record) string {
	var notes []string
	for _, step := range slices.Sorted(maps.Keys(r.Proofs)) {
		p := r.Proofs[step]
		notes = append(notes, cmp.Or(p.Note, p.Kind))
	}
	all := strings.Join(notes, "; ")
	return strings.ToValidUTF8(all[:min(len(all), maxNote)], "")
}

type recalling struct {
	Chamber
	recaller Recaller
}

// closing returns the closing steps of all flows that can recall, each once.
func (e *Engine) closing() []recalling {
	var out []recalling
	for _, flow := range slices.Sorted(maps.Keys(e.Plans)) {
		for _, name := range e.Plans[flow].After {
			c := e.Chambers[name]
			r, ok := c.Step.(Recaller)
			if ok && !slices.ContainsFunc(out, func(o recalling) bool { return o.Name == name }) {
				out = append(out, recalling{c, r})
			}
		}
	}
	return out
}
