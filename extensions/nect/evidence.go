package nect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/ident"
)

// evidence is what shows later how a person was identified. It names nobody
// beside whom it is about.
type evidence struct {
	At        time.Time
	Procedure string
	Level     string
	Case      ident.CaseID
	Verdict   string
}

func evidenceKey(id ident.CaseID) string { return "evidence/" + string(id) }

// prove stores the evidence of a case with which somebody passes. It may be
// repeated.
func (s *step) prove(ctx context.Context, r record) error {
	raw, err := json.Marshal(evidence{r.Result.At, r.Result.Procedure, r.Result.Level, r.Case, r.Result.Verdict.String()})
	if err != nil {
		return err
	}
	about := r.subject()
	about.Evidence = true
	key := evidenceKey(r.Case)
	err = s.host.Records.About(about).Put(ctx, key, 0, raw, s.config.Evidence)
	if !errors.Is(err, extension.ErrStale) {
		return err
	}
	var there evidence
	raw, _, err = s.host.Records.Get(ctx, key)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &there)
	}
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	if there.Case != r.Case {
		return errors.New("the evidence of another case stands in its place")
	}
	return nil
}
