package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Subject is a server under test.
type Subject struct {
	Name    string
	Pid     int
	Request func() (*http.Request, error) // makes a fresh request
	Status  int                           // what a right answer has
}

// Load is how requests are made.
type Load struct {
	Concurrency int // connections at once
	Requests    int // in one round
	Rounds      int
}

// Cost is CPU time for each 10,000 requests, one figure a round.
type Cost struct {
	Name   string
	Rounds []time.Duration
}

// Measure runs the rounds, the subjects taking turns within each.
func (l Load) Measure(ctx context.Context, subjects ...Subject) ([]Cost, error) {
	costs := make([]Cost, len(subjects))
	for round := range l.Rounds + 1 {
		for i, subject := range subjects {
			cost, err := l.round(ctx, subject)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subject.Name, err)
			}
			costs[i].Name = subject.Name
			if round > 0 { // the first only warms connections and caches
				costs[i].Rounds = append(costs[i].Rounds, cost)
			}
		}
	}
	return costs, nil
}

func (l Load) round(ctx context.Context, subject Subject) (time.Duration, error) {
	before, err := CPU(subject.Pid)
	if err != nil {
		return 0, err
	}
	if err := l.fire(ctx, subject); err != nil {
		return 0, err
	}
	after, err := CPU(subject.Pid)
	if err != nil {
		return 0, err
	}
	return (after - before) * 10_000 / time.Duration(l.Requests), nil
}

// fire sends the round's requests and fails at the first wrong answer.
func (l Load) fire(ctx context.Context, subject Subject) error {
	transport := &http.Transport{MaxIdleConnsPerHost: l.Concurrency, MaxConnsPerHost: l.Concurrency, DisableCompression: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(l.Requests))
	var workers sync.WaitGroup
	for range l.Concurrency {
		workers.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := once(ctx, transport, subject); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func once(ctx context.Context, transport *http.Transport, subject Subject) error {
	request, err := subject.Request()
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != subject.Status {
		return fmt.Errorf("answered %d, want %d", response.StatusCode, subject.Status)
	}
	return nil
}
