package store_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

// postgres is there for all tests of the package, because starting it takes a
// second.
var postgres storetest.Backend

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(sendingEnv); dir != "" {
		fmt.Fprintln(os.Stderr, sendingChild(dir))
		os.Exit(1)
	}
	b, stop, err := storetest.Postgres(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	postgres = b
	code := m.Run()
	stop()
	os.Exit(code)
}

func TestSQLite(t *testing.T) { storetest.Run(t, storetest.SQLite()) }

func TestPostgres(t *testing.T) { storetest.Run(t, postgres) }
