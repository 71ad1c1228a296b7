package gate

import (
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// evidence is what is written beside the role, and before it once the account
// is known: which proofs there were, and what each noted, such as the case at a
// remote service, and when. The attempt that holds it is gone after a day; of
// the entry it is the part that is sealed with the person's key, and erased
// with that.
func evidence(rec flow.Record) map[string]string {
	out := map[string]string{"proofs": strings.Join(rec.Kinds, " ")}
	for step, proof := range rec.Proofs {
		if proof.Note == "" {
			continue
		}
		key := "proof." + string(step)
		out[key], out[key+".at"] = proof.Note, proof.At.UTC().Format(time.RFC3339)
	}
	return out
}
