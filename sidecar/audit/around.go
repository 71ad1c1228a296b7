package audit

import (
	"context"
	"crypto/rand"
	"fmt"
)

// Around does a remote action between its two entries: no intent, no action.
// e says what is done and for whom; Phase and Ref are set here. do may complete
// the entry of the outcome: who it was, and Result where "ok" (no error) or
// "failed" is not the right word. When the outcome cannot be written the intent
// stands alone, which says that the action may have happened; an error of do
// goes before that one.
func Around(ctx context.Context, log Log, e Entry, do func(outcome *Entry) error) error {
	e.Phase, e.Ref = Intent, rand.Text()[:16]
	if err := log.Append(ctx, e); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	e.Phase = Outcome
	failed := do(&e)
	switch {
	case e.Result != "":
	case failed != nil:
		e.Result = "failed"
	default:
		e.Result = "ok"
	}
	if err := log.Append(ctx, e); err != nil && failed == nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	return failed
}
