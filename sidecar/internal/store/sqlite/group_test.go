package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/store/sqlite"
)

// file is an open database with a table of things.
type file struct {
	*sqlite.Database
	t *testing.T
}

func open(t *testing.T) *file {
	t.Helper()
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	f := &file{d, t}
	if err := f.Write(t.Context(), execute("CREATE TABLE things (name TEXT PRIMARY KEY) STRICT")); err != nil {
		t.Fatal(err)
	}
	return f
}

func execute(statement string, args ...any) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	}
}

func insert(name string) func(context.Context, *sql.Tx) error {
	return execute("INSERT INTO things (name) VALUES ($1)", name)
}

func (f *file) count() (n int) {
	f.t.Helper()
	if err := f.Reader().QueryRowContext(f.t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// together holds the writer until all the writes wait, so that they share a
// commit, and returns their errors.
func (f *file) together(writes ...func(context.Context) error) []error {
	f.t.Helper()
	errs := make([]error, len(writes))
	var all sync.WaitGroup
	held, release := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		err := f.Write(f.t.Context(), func(context.Context, *sql.Tx) error {
			close(held)
			<-release
			return nil
		})
		if err != nil {
			f.t.Error(err)
		}
	})
	<-held
	for i, write := range writes {
		all.Go(func() { errs[i] = write(f.t.Context()) })
		for f.Waiting() <= i {
			runtime.Gosched() // until it stands in the queue
		}
	}
	close(release)
	all.Wait()
	return errs
}

func TestWhatOneTransactionFailsAtIsNoOthers(t *testing.T) {
	f := open(t)
	failed := errors.New("not this one")
	var writes []func(context.Context) error
	for i := range 40 {
		writes = append(writes, func(ctx context.Context) error {
			return f.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
				err := insert(fmt.Sprint(i))(ctx, tx)
				if i%4 == 1 {
					return failed
				}
				if i%4 == 2 { // a statement that the database refuses
					err = insert(fmt.Sprint(i-2))(ctx, tx)
				}
				return err
			})
		})
	}
	for i, err := range f.together(writes...) {
		if good := i%4 == 0 || i%4 == 3; good != (err == nil) || i%4 == 1 && !errors.Is(err, failed) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := f.count(); n != 20 {
		t.Errorf("%d things", n)
	}
}

func TestATransactionSeesWhatWasDoneBeforeItInTheSameCommit(t *testing.T) {
	f := open(t)
	errs := f.together(
		func(ctx context.Context) error { return f.Write(ctx, insert("a")) },
		func(ctx context.Context) error { return f.Write(ctx, insert("a")) },
	)
	if errs[0] != nil || errs[1] == nil {
		t.Errorf("%v", errs)
	}
}

func TestWhoGoesWhileOthersWriteTakesNothingOfTheirs(t *testing.T) {
	f := open(t)
	gone, cancel := context.WithCancel(t.Context())
	errs := f.together(
		func(ctx context.Context) error { return f.Write(ctx, insert("a")) },
		func(context.Context) error {
			return f.Write(gone, func(ctx context.Context, tx *sql.Tx) error {
				cancel() // in the middle of it: what began is finished
				return insert("b")(ctx, tx)
			})
		},
		func(ctx context.Context) error { return f.Write(ctx, insert("c")) },
	)
	if err := errors.Join(errs...); err != nil || f.count() != 3 {
		t.Errorf("%v, %d things", err, f.count())
	}
	if err := f.Write(gone, insert("d")); !errors.Is(err, context.Canceled) || f.count() != 3 {
		t.Errorf("%v, %d things", err, f.count())
	}
}

func TestAPanicIsItsOwners(t *testing.T) {
	f := open(t)
	var caught any
	errs := f.together(
		func(ctx context.Context) error { return f.Write(ctx, insert("a")) },
		func(ctx context.Context) error {
			defer func() { caught = recover() }()
			return f.Write(ctx, func(ctx context.Context, tx *sql.Tx) error {
				if err := insert("b")(ctx, tx); err != nil {
					return err
				}
				panic("mine")
			})
		},
		func(ctx context.Context) error { return f.Write(ctx, insert("c")) },
	)
	if err := errors.Join(errs...); err != nil || caught != "mine" || f.count() != 2 {
		t.Errorf("%v, caught %v, %d things", err, caught, f.count())
	}
}

// A transaction that SQLite took back as a whole leaves nobody with a yes.
func TestAGroupThatIsTakenBackIsNobodys(t *testing.T) {
	f := open(t)
	errs := f.together(
		func(ctx context.Context) error { return f.Write(ctx, insert("a")) },
		func(ctx context.Context) error { return f.Write(ctx, execute("ROLLBACK")) },
		func(ctx context.Context) error { return f.Write(ctx, insert("c")) },
	)
	for i, err := range errs {
		if err == nil {
			t.Errorf("%d: done", i)
		}
	}
	if n := f.count(); n != 0 {
		t.Errorf("%d things", n)
	}
	if err := f.Write(t.Context(), insert("a")); err != nil {
		t.Error(err)
	}
}
