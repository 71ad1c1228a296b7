package bench_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/bench"
)

func TestARatioIsPairedByRound(t *testing.T) {
	cost := func(ms ...int) bench.Cost {
		var c bench.Cost
		for _, m := range ms {
			c.Rounds = append(c.Rounds, time.Duration(m)*time.Millisecond)
		}
		return c
	}
	// The second round ran on a busy machine: both cost ten times as much.
	got := bench.Compare(cost(120, 1300, 110), cost(100, 1000, 100))
	want := bench.Ratio{Min: 1.1, Median: 1.2, Max: 1.3}
	if got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
	table := bench.Table([]bench.Row{{What: "gate", Cost: cost(120), Ratio: got, Aim: "≤ 1.3"}})
	if !strings.Contains(table, "| gate | 120ms | 1.10 – **1.20** – 1.30 | ≤ 1.3 |") {
		t.Error(table)
	}
}

func TestAWrongAnswerEndsTheMeasurement(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	subject := bench.Subject{
		Name: "server", Pid: os.Getpid(), Status: http.StatusOK,
		Request: func() (*http.Request, error) { return http.NewRequest(http.MethodGet, server.URL, nil) },
	}
	load := bench.Load{Concurrency: 4, Requests: 50, Rounds: 2}
	costs, err := load.Measure(t.Context(), subject)
	if err != nil || len(costs[0].Rounds) != 2 {
		t.Fatalf("%v %v", costs, err)
	}
	status = http.StatusServiceUnavailable
	if _, err := load.Measure(t.Context(), subject); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a server that answers 503 gives %v", err)
	}
}

func TestAProcessKnowsItsOwnCost(t *testing.T) {
	memory, err := bench.MemoryOf(os.Getpid())
	if err != nil || memory.Resident < 1<<20 || memory.File < 1<<16 || memory.File >= memory.Resident {
		t.Errorf("memory %+v, %v", memory, err)
	}
	ran, err := bench.Ran(os.Getpid())
	if err != nil || ran <= 0 {
		t.Errorf("ran %v, %v", ran, err)
	}
	before, err := bench.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		before := strings.Repeat("x", 1<<16)
		_ = strings.Count(before, "x")
	}
	after, err := bench.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := bench.Ran(os.Getpid()); err != nil || again-ran < 20*time.Millisecond {
		t.Errorf("ran %v, then %v, %v", ran, again, err)
	}
	if after <= before {
		t.Errorf("after 100 ms of work the CPU time is %s, before %s", after, before)
	}
}
