// Package postgres opens a PostgreSQL database for the store: pool, time
// limits, schema, locks between replicas. It must not know what the tables
// mean.
package postgres
