package flowtest_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
)

func TestAttempts(t *testing.T) {
	flowtest.Run(t, func(_ *testing.T, now func() time.Time) flow.Attempts {
		return flowtest.NewAttempts(now)
	})
}
