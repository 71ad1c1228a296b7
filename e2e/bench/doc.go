// Package bench measures what a server costs beside a bare reverse proxy, and
// reads what Go benchmarks report.
//
// On a shared machine no absolute figure holds, so there are only ratios: CPU
// seconds of the process under test for each 10,000 requests, in rounds that
// take turns within one run, with the baseline measured against itself as a
// control. Differences below the control's own spread say nothing.
package bench
