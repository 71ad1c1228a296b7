package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ratio compares two subjects round by round: the median says how much more
// the subject costs, minimum and maximum how sure that is.
type Ratio struct {
	Min, Median, Max float64
}

// Compare divides the cost of subject by that of baseline, paired by round.
func Compare(subject, baseline Cost) Ratio {
	n := min(len(subject.Rounds), len(baseline.Rounds))
	ratios := make([]float64, 0, n)
	for i := range n {
		if baseline.Rounds[i] > 0 {
			ratios = append(ratios, float64(subject.Rounds[i])/float64(baseline.Rounds[i]))
		}
	}
	if len(ratios) == 0 {
		return Ratio{}
	}
	slices.Sort(ratios)
	return Ratio{Min: ratios[0], Median: ratios[len(ratios)/2], Max: ratios[len(ratios)-1]}
}

// Row is one line of the published table.
type Row struct {
	What  string
	Cost  Cost
	Ratio Ratio
	Aim   string // "" for a control
}

// Table writes the rows as Markdown.
func Table(rows []Row) string {
	var out strings.Builder
	out.WriteString("| what | CPU per 10,000 requests (median) | ratio (min – median – max) | aim |\n|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s | %s | %.2f – **%.2f** – %.2f | %s |\n",
			row.What, median(row.Cost.Rounds).Round(10*time.Millisecond), row.Ratio.Min, row.Ratio.Median, row.Ratio.Max, row.Aim)
	}
	return out.String()
}

func median(rounds []time.Duration) time.Duration {
	if len(rounds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(rounds))
	return sorted[len(sorted)/2]
}
