package gate

import "github.com/schleuse/schleuse/sidecar/account"

// Verdict is the table by names, for the test that enumerates it.
func Verdict(at string, c account.Clearance) string {
	m := map[string]moment{"request": atRequest, "response": atResponse, "token": atToken, "logout": atLogout}[at]
	return map[verdict]string{
		refuse: "refuse", forward: "forward", withhold: "withhold", hold: "hold", later: "later", keep: "keep", discard: "discard",
	}[decide(m, c)]
}
