package devicetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func TestStore(t *testing.T) {
	devicetest.Run(t, func(_ *testing.T, now func() time.Time) devicetest.Stores {
		news := &devicetest.Tasks{}
		s := &devicetest.Store{Now: now, News: news}
		return devicetest.Stores{Store: s, Permits: s, News: func(context.Context) (bodies [][]byte, _ error) {
			for _, task := range news.Take() {
				bodies = append(bodies, task.Body)
			}
			return bodies, nil
		}}
	})
}
