package bench

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Figures are what one Go benchmark reported, by unit: ns/op, B/op, its own.
type Figures map[string]float64

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.+)$`)

// ReadFigures reads what `go test -bench` prints, by the benchmarks' names
// without "Benchmark" and the number of processors.
func ReadFigures(output string) (map[string]Figures, error) {
	all := map[string]Figures{}
	for line := range strings.Lines(output) {
		found := benchmarkLine.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			continue
		}
		fields := strings.Fields(found[2])
		figures := Figures{}
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("benchmark %s: %w", found[1], err)
			}
			figures[fields[i+1]] = value
		}
		all[found[1]] = figures
	}
	return all, nil
}

// Of returns a benchmark's figures; a benchmark that is missing, or lacks one
// of these units, is an error.
func Of(all map[string]Figures, name string, units ...string) (Figures, error) {
	figures, there := all[name]
	if !there {
		return nil, fmt.Errorf("the benchmark %s did not run", name)
	}
	for _, unit := range units {
		if _, there := figures[unit]; !there {
			return nil, fmt.Errorf("the benchmark %s reported no %s", name, unit)
		}
	}
	return figures, nil
}

// Step is one line of the table of what a database takes.
type Step struct {
	What      string
	PerSecond float64 // the median of the rounds
	Share     Ratio   // of the bare commits of the same round
	Aim       string  // "" for a control
}

// StepTable writes the steps as Markdown.
func StepTable(steps []Step) string {
	var out strings.Builder
	out.WriteString("| what | in a second (median) | share of bare commits (min – median – max) | aim |\n|---|---|---|---|\n")
	for _, s := range steps {
		fmt.Fprintf(&out, "| %s | %.0f | %.2f – **%.2f** – %.2f | %s |\n", s.What, s.PerSecond, s.Share.Min, s.Share.Median, s.Share.Max, s.Aim)
	}
	return out.String()
}
