package approvaltest_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func TestStore(t *testing.T) {
	approvaltest.Run(t, func(_ *testing.T, now func() time.Time) approvaltest.Stores {
		phones := &devicetest.Store{Now: now}
		s := &approvaltest.Store{Now: now, Phones: phones}
		return approvaltest.Stores{Store: s, Repeats: s, Changes: s, Phones: phones, Permits: phones}
	})
}
