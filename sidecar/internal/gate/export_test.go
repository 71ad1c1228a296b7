package gate

import (
	"context"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Changing is what precedes a step that may set a password.
func (g *Gate) Changing(ctx context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	return g.changing(ctx, number)
}

// Verdict is the table by names, for the test that enumerates it.
func Verdict(at string, c account.Clearance) string {
	m := map[string]moment{"request": atRequest, "response": atResponse, "token": atToken, "logout": atLogout}[at]
	return map[verdict]string{
		refuse: "refuse", forward: "forward", withhold: "withhold", hold: "hold", later: "later", keep: "keep", discard: "discard",
	}[decide(m, c)]
}
