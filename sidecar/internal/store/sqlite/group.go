package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
)

// maxGroup is how many transactions share a commit.
const maxGroup = 64

// group lets transactions share a commit: those that come while one is being
// written form the next group, each in a savepoint of its own, so that what one
// fails at is no other's. Alone, a transaction waits for nobody. Nobody hears of
// the end before the commit is durable.
type group struct {
	turn chan struct{} // holds one token: whose turn it is to write

	mu    sync.Mutex
	queue []*job
}

type job struct {
	ctx      context.Context //nolint:containedctx // of the call that waits for it
	fn       func(context.Context, *sql.Tx) error
	err      error
	panicked any
	done     chan error // buffered
}

func newGroup() *group { return &group{turn: make(chan struct{}, 1)} }

// do has fn written by the next commit, by this goroutine or another one's.
func (g *group) do(ctx context.Context, fn func(context.Context, *sql.Tx) error, commit func([]*job) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	g.push(j)
	for {
		select {
		case err := <-j.done:
			return j.ended(err)
		case g.turn <- struct{}{}:
			g.next(commit)
		case <-ctx.Done():
			if g.withdraw(j) {
				return ctx.Err()
			}
			return j.ended(<-j.done)
		}
	}
}

// ended returns how a job ended in the goroutine whose it is.
func (j *job) ended(err error) error {
	if j.panicked != nil {
		panic(j.panicked)
	}
	return err
}

func (g *group) push(j *job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = append(g.queue, j)
}

// withdraw takes back a job that nobody does yet.
func (g *group) withdraw(j *job) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.queue, j)
	if at < 0 {
		return false
	}
	g.queue = slices.Delete(g.queue, at, at+1)
	return true
}

func (g *group) take() []*job {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.queue), maxGroup)
	jobs := slices.Clone(g.queue[:n])
	g.queue = slices.Delete(g.queue, 0, n)
	return jobs
}

var errGivenUp = errors.New("the transaction was given up")

// next commits what waits, and gives the turn back whatever happens.
func (g *group) next(commit func([]*job) error) {
	jobs := g.take()
	err := errGivenUp // also where a job ends this goroutine
	defer func() {
		for _, j := range jobs {
			if err != nil {
				// What the others saw of it is void, and their own answers too.
				j.err = err
			}
			j.done <- j.err
		}
		<-g.turn
	}()
	if len(jobs) > 0 {
		err = commit(jobs)
	}
}

// run does a job within a transaction. Its error is that of the transaction.
func (j *job) run(tx *sql.Tx, alone bool) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	// A statement that is interrupted may take the whole transaction with it
	// (sqlite3_interrupt): none of the group's is.
	ctx := context.WithoutCancel(j.ctx)
	if alone {
		j.err = j.call(ctx, tx)
		return j.err
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	if j.err = j.call(ctx, tx); j.err != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO job"); err != nil {
			return errors.Join(j.err, err)
		}
	}
	_, err := tx.ExecContext(ctx, "RELEASE job")
	return err
}

func (j *job) call(ctx context.Context, tx *sql.Tx) (err error) {
	defer func() {
		if j.panicked = recover(); j.panicked != nil {
			err = errGivenUp
		}
	}()
	return j.fn(ctx, tx)
}
