// Package sqlite opens a SQLite file for the store: which settings make it
// durable, how one process keeps others out, how its schema is brought up to
// date. It must not know what the tables mean.
package sqlite
