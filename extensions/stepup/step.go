package stepup

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/confirmation"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

type step struct{ *confirmation.Step }

func newStep(host extension.Host) step {
	return step{&confirmation.Step{
		Approvals: host.Approvals, Now: host.Now, Kind: "stepup", Action: approval.Login, Purpose: "stepup",
		Fields:  func(a *flow.Attempt) map[string]string { return map[string]string{"client": a.Client} },
		NoPhone: flow.Show(flow.View{Page: "no_phone"}),
	}}
}

// Resume implements flow.Step. Whoever has no phone may turn to another way.
func (s step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	if in.Only("wish") == "other" {
		return flow.Deny("denied.no_phone"), nil
	}
	return s.Step.Resume(ctx, a, in)
}

// offer describes the step. It is there for those without a phone too: they
// read how to register one.
func (step) offer(context.Context, *flow.Attempt) (flow.Offer, error) {
	return flow.Offer{Available: true, Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}, nil
}
