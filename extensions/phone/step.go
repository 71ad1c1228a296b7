package phone

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
		Approvals: host.Approvals, Now: host.Now, Kind: "phone", Action: approval.Enrol, Purpose: "enrolment",
		Fields:  func(a *flow.Attempt) map[string]string { return map[string]string{"phone": a.Client} },
		NoPhone: flow.Deny("denied.no_phone"),
	}}
}

// offer describes the step to those who have a phone.
func (s step) offer(ctx context.Context, a *flow.Attempt) (flow.Offer, error) {
	n, err := s.Count(ctx, a)
	return flow.Offer{Available: err == nil && n > 0, Title: "offer.title", Needs: "offer.needs", Takes: "offer.takes"}, err
}
