package egk

import (
	"encoding/json"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// away is the attempt's state of whoever says to have no card at hand. It is
// kept, because a browser comes to the page anew after each answer.
const away = `{"away":true}`

// noCardData is shown by the page "no_card".
type noCardData struct {
	Phone string // "" = none is known
}

// here shows the page where the person is.
func (s *step) here(a *flow.Attempt, cards []member.Card) flow.Outcome {
	if string(a.State) == away {
		return flow.Show(flow.View{Page: "no_card", Data: noCardData{s.host.Help}})
	}
	return ask(cards, "")
}

// wish answers the quiet buttons; false = none was pressed. Nothing is compared
// because of them, so no try is counted.
func (s *step) wish(a *flow.Attempt, cards []member.Card, wish string) (flow.Outcome, bool) {
	a.State = nil
	switch wish {
	case "no_card":
		a.State = json.RawMessage(away)
	case "card":
	case "end":
		return flow.Deny("denied.ended"), true
	default:
		return flow.Outcome{}, false
	}
	return s.here(a, cards), true
}
