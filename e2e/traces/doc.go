// Package traces finds what is personal where it must not stand: in logs,
// metrics and addresses of a run. It knows the people who played in it, and
// nothing of how they were played.
package traces
