package bench_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// As the go command prints it: with other lines between, and with one processor
// no number behind the name.
func TestFiguresOfGoBenchmarks(t *testing.T) {
	all, err := bench.ReadFigures("goos: linux\n" +
		"BenchmarkApprovals/sqlite-2 \t 9\t 0.5 create-share\t 2100 create/s\n" +
		"BenchmarkBearer \t 200\t  354738 ns/op\t   11844 B/op\t     164 allocs/op\nPASS\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bench.Figures{
		"Approvals/sqlite": {"create-share": 0.5, "create/s": 2100},
		"Bearer":           {"ns/op": 354738, "B/op": 11844, "allocs/op": 164},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if _, err := bench.Of(all, "Bearer", "ns/op"); err != nil {
		t.Error(err)
	}
	for name, unit := range map[string]string{"Proof": "ns/op", "Bearer": "KiB-each"} {
		if _, err := bench.Of(all, name, unit); err == nil {
			t.Errorf("%s has %s, and was not measured", name, unit)
		}
	}
	if _, err := bench.ReadFigures("BenchmarkX-2 3 many ns/op"); err == nil {
		t.Error("a figure that is none was read")
	}
	table := bench.StepTable([]bench.Step{{What: "create", PerSecond: 2100.4, Share: bench.Ratio{Min: 0.4, Median: 0.5, Max: 0.6}, Aim: "≥ 0.40"}})
	if !strings.Contains(table, "| create | 2100 | 0.40 – **0.50** – 0.60 | ≥ 0.40 |") {
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
