package gate

import "github.com/schleuse/schleuse/sidecar/account"

// moment is a point at which the gate decides.
type moment uint8

const (
	atRequest  moment = iota // a request with the person's identity cookie
	atResponse               // a response that sets it
	atToken                  // an answer of the token endpoint with the person's tokens
	atLogout                 // a request that ends the login
)

// verdict is what is done. The zero verdict refuses.
type verdict uint8

const (
	refuse   verdict = iota
	forward          // untouched
	withhold         // forward without the identity cookie
	hold             // keep the response, ask the next step
	later            // nothing is forwarded, ended or lost; "later", 503
	keep             // keep the response, "later", ask again
	discard          // drop the tokens, end the session, invalid_grant
)

// decide is the table: one row for each answer, one column for each moment.
func decide(at moment, c account.Clearance) verdict {
	table := [...][4]verdict{
		//                    request   response token    log-out
		account.Unknown:    {later, keep, later, forward},
		account.NotCleared: {withhold, hold, discard, forward},
		account.Cleared:    {forward, forward, forward, forward},
		account.Exempt:     {forward, forward, forward, forward},
	}
	if int(c) >= len(table) || int(at) >= len(table[c]) {
		return refuse
	}
	return table[c][at]
}
