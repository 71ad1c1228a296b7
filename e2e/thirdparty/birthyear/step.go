package birthyear

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

var year = regexp.MustCompile(`^[0-9]{4}$`)

type step struct {
	host   extension.Host
	config Config
}

// answered is what is remembered of a person.
type answered struct{ At time.Time }

// yearData is shown by the page "year".
type yearData struct{ Typed string }

// Begin implements flow.Step. Who answered before is not asked again.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	if a.Account == "" {
		return flow.Outcome{}, errors.New("the year of birth is asked for before anybody signed in")
	}
	data, _, err := s.host.Records.Get(ctx, string(a.Account))
	switch {
	case err != nil:
		return flow.Outcome{}, fmt.Errorf("reading what was answered: %w", err)
	case data != nil:
		return flow.Skip(), nil
	}
	taken, err := s.host.Counters.Look(ctx, s.limit(a))
	switch {
	case err != nil:
		return flow.Outcome{}, fmt.Errorf("looking at tries: %w", err)
	case !taken.OK:
		return flow.Deny("denied.tries"), nil
	}
	return show("", ""), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	typed := ""
	if v := in.Form["year"]; len(v) == 1 && year.MatchString(v[0]) {
		typed = v[0]
	}
	if typed == "" {
		return show("", "problem.form"), nil
	}
	m, err := s.host.Members.Find(ctx, a.Number)
	switch {
	case errors.Is(err, member.ErrNotFound) || err == nil && len(m.BirthDate) < 4:
		return flow.Deny("denied.unknown"), nil
	case err != nil:
		return flow.Outcome{}, err
	}
	taken, err := s.host.Counters.Take(ctx, s.limit(a))
	if err != nil {
		return flow.Outcome{}, fmt.Errorf("counting a try: %w", err)
	}
	if !taken.OK {
		return flow.Deny("denied.tries"), nil
	}
	if subtle.ConstantTimeCompare([]byte(m.BirthDate[:4]), []byte(typed)) != 1 {
		if taken.Left == 0 {
			return flow.Deny("denied.tries"), nil
		}
		return show(typed, "problem.wrong"), nil
	}
	return s.remember(ctx, a)
}

func (s *step) limit(a *flow.Attempt) extension.Limit {
	return extension.Limit{Name: "wrong", Subject: string(a.Account), Max: s.config.Tries, Window: 24 * time.Hour}
}

// remember keeps that the person answered. A parallel right answer has kept
// it already: that is no error.
func (s *step) remember(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	e := audit.Entry{Phase: audit.Fact, Action: "birthyear.right", Step: string(a.Step), Client: a.Client, Result: "ok", Person: a.Account}
	if err := s.host.Audit.Append(ctx, e); err != nil {
		return flow.Outcome{}, err
	}
	now := s.host.Now()
	data, err := json.Marshal(answered{At: now})
	if err != nil {
		return flow.Outcome{}, err
	}
	err = s.host.Records.Put(ctx, string(a.Account), 0, data, s.config.Again)
	if err != nil && !errors.Is(err, extension.ErrStale) {
		return flow.Outcome{}, fmt.Errorf("remembering the answer: %w", err)
	}
	if err := s.host.Counters.Clear(ctx, s.limit(a)); err != nil {
		return flow.Outcome{}, fmt.Errorf("clearing tries: %w", err)
	}
	return flow.Done(flow.Proof{Kind: "birthyear", At: now, Note: "year of birth"}), nil
}

func show(typed, problem string) flow.Outcome {
	v := flow.View{Page: "year", Data: yearData{Typed: typed}}
	if problem != "" {
		v.Problems = []flow.Problem{{Field: "year", Key: problem}}
	}
	return flow.Show(v)
}
