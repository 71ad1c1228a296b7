package devicetest_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func TestStore(t *testing.T) {
	devicetest.Run(t, func(_ *testing.T, now func() time.Time) devicetest.Stores {
		s := &devicetest.Store{Now: now}
		return devicetest.Stores{Store: s, Permits: s}
	})
}
