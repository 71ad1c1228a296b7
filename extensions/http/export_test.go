package http

import (
	"log/slog"
	"time"

	"github.com/failsafe-go/failsafe-go"

	"github.com/schleuse/schleuse/sidecar/member"
)

// Read reads the answer about one person as the directory does.
func Read(raw []byte, number member.KVNR) (member.Member, error) {
	return parser{time.UTC}.one(raw, number)
}

// ReadNamesakes reads the answer about namesakes as the directory does.
func ReadNamesakes(raw []byte, number member.KVNR) ([]member.Member, error) {
	return parser{time.UTC}.several(raw, number)
}

// Policy is how calls are carried out.
func Policy(log *slog.Logger) failsafe.Executor[[]byte] { return policy(log) }

// Refusal is a status that is none of the documented ones.
func Refusal(status int) error { return refusal(status) }
