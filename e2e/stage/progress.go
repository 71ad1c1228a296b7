package stage

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Progress tells a waiting person what a long piece of work is doing. The zero
// value is silent.
type Progress struct {
	Out io.Writer
}

// Say writes one line.
func (p Progress) Say(format string, args ...any) {
	if p.Out != nil {
		fmt.Fprintf(p.Out, "stage: "+format+"\n", args...)
	}
}

// During says what begins, a sign of life every ten seconds, and how long it took.
func (p Progress) During(what string, work func() error) error {
	p.Say("%s …", what)
	start := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				p.Say("%s … %d s", what, int(time.Since(start).Seconds()))
			}
		}
	}()
	if err := work(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	p.Say("%s: done in %.1f s", what, time.Since(start).Seconds())
	return nil
}
