package kvnr

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxTyped bounds what is shown again of what was typed, in bytes.
const maxTyped = 200

// step asks for the number, then for the wish. Where it stands is told by
// a.Number alone: without one it asks for it.
type step struct {
	config Config
	log    *slog.Logger
	help   string
	flows  []flow.Name
}

// numberData is shown by the page "number".
type numberData struct{ Typed string }

// choiceData is shown by the page "choice".
type choiceData struct{ Number string }

// elsewhereData is shown by the page "elsewhere".
type elsewhereData struct {
	Recovery   bool
	Paragraphs []string // the operator's own; empty = ours, with Help
	Help       string
}

// errMisplaced says that the flow asks for the number behind Keycloak's login,
// where wanting to sign in would count as a proof.
var errMisplaced = errors.New("the number is asked for after Keycloak's login: in gate.flows a kvnr step stands before keycloak")

// Begin implements flow.Step.
func (s *step) Begin(_ context.Context, a *flow.Attempt) (flow.Outcome, error) {
	if a.Account != "" {
		return flow.Outcome{}, errMisplaced
	}
	if a.Number == "" {
		return flow.Show(flow.View{Page: "number", Data: numberData{}}), nil
	}
	return choose(a), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if a.Account != "" {
		return flow.Outcome{}, errMisplaced
	}
	if a.Number == "" {
		return s.number(ctx, a, in.Only("number")), nil
	}
	switch in.Only("wish") {
	case "sign_in":
		return s.signIn(a), nil
	case "register":
		return s.turn(a, flow.Registration), nil
	case "recover":
		return s.turn(a, flow.Recovery), nil
	case "number":
		a.Number = ""
		return flow.Show(flow.View{Page: "number", Data: numberData{}}), nil
	case "back":
		return choose(a), nil
	}
	return choose(a, flow.Problem{Key: "problem.wish"}), nil
}

// signIn goes on to Keycloak's login, in whatever flow the person stands.
func (s *step) signIn(a *flow.Attempt) flow.Outcome {
	if a.Flow != flow.Login {
		return flow.Enter(flow.Login)
	}
	return flow.Done(flow.Proof{Kind: "kvnr"})
}

func (s *step) number(ctx context.Context, a *flow.Attempt, typed string) flow.Outcome {
	read, err := member.ReadKVNR(typed, s.config.Strict)
	var no *member.NumberError
	if errors.As(err, &no) {
		p := flow.Problem{Field: "number", Key: "problem." + string(no.Reason), Args: map[string]any{"Count": no.Places}}
		return flow.Show(flow.View{Page: "number", Data: numberData{Typed: clip(typed)}, Problems: []flow.Problem{p}})
	}
	if read.Doubtful {
		s.log.InfoContext(ctx, "a number in its long form, whose last digit does not fit")
	}
	a.Number = read.Number
	return choose(a)
}

// clip bounds what is shown again, so that no page grows by what was sent.
func clip(typed string) string {
	return strings.ToValidUTF8(typed[:min(len(typed), maxTyped)], "")
}

func choose(a *flow.Attempt, problems ...flow.Problem) flow.Outcome {
	n := string(a.Number)
	shown := n[:4] + " " + n[4:7] + " " + n[7:]
	return flow.Show(flow.View{Page: "choice", Data: choiceData{Number: shown}, Problems: problems})
}

// turn goes on in another flow, or says what to do where there is none.
func (s *step) turn(a *flow.Attempt, to flow.Name) flow.Outcome {
	if slices.Contains(s.flows, to) {
		if a.Flow == to { // back at its beginning
			return flow.Done(flow.Proof{Kind: "kvnr"})
		}
		return flow.Enter(to)
	}
	text := s.config.RegistrationText
	if to == flow.Recovery {
		text = s.config.RecoveryText
	}
	data := elsewhereData{Recovery: to == flow.Recovery, Paragraphs: paragraphs(text.in(a.Language)), Help: s.help}
	return flow.Show(flow.View{Page: "elsewhere", Data: data})
}

// in returns the text in a language, or in the other one where there is none.
func (t Text) in(lang string) string {
	if text, ok := t[lang]; ok {
		return text
	}
	for _, text := range t {
		return text
	}
	return ""
}

var blankLines = regexp.MustCompile(`\n[ \t\r]*\n`)

func paragraphs(text string) []string {
	var out []string
	for _, p := range blankLines.Split(text, -1) {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
