// Package bench measures approvals: how many of each step a store takes in a
// second beside bare commits of the same database in the same rounds, and what
// a call that waits costs in memory. `make bench` runs it and prints the
// tables; here are benchmarks alone, which nothing else may lean on.
package bench
