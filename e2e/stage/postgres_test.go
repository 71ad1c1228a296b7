package stage_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/schleuse/schleuse/e2e/stage"
)

func TestPostgresServesAndIsGoneAfterwards(t *testing.T) {
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := cache.StartPostgres(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			postgres.Stop()
		}
	}()
	if got := serverVersion(t, postgres.URL); got < 150000 {
		t.Errorf("server version %d, want 15 or later", got)
	}
	postgres.Stop()
	stopped = true
	if _, err := pgx.Connect(t.Context(), postgres.URL); err == nil {
		t.Error("the server still answers after Stop")
	}
}

func serverVersion(t *testing.T, url string) int {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	var version int
	if err := connection.QueryRow(t.Context(), "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}
