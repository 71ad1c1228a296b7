package csv

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	maxSize = 128 << 20       // bytes of a file
	poll    = 2 * time.Second // how often Run looks for a change
)

type table map[member.KVNR]member.Member

// directory answers from the last good file.
type directory struct {
	file   string
	parser parser
	log    *slog.Logger

	members atomic.Pointer[table]
	mu      sync.Mutex // held by the one who looks for a change
	seen    stamp      // of the file last read, good or not
	gone    bool       // the file was not there when last looked for
}

// stamp tells one state of the file from another.
type stamp struct {
	size     int64
	modified time.Time
}

// start reads the file for the first time.
func (d *directory) start() error {
	seen, members, err := d.read()
	if err != nil {
		return err
	}
	d.seen = seen
	d.members.Store(&members)
	d.log.Info("members loaded", "count", len(members))
	return nil
}

// Find implements member.Directory. It is never unavailable: where a new file
// is broken or missing, the one before stays in force.
func (d *directory) Find(_ context.Context, number member.KVNR) (member.Member, error) {
	d.refresh()
	m, ok := (*d.members.Load())[number]
	if !ok {
		return member.Member{}, member.ErrNotFound
	}
	return m, nil
}

func (d *directory) run(ctx context.Context) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			d.refresh()
		}
	}
}

// refresh reads the file again if it changed. Who comes while another one
// reads goes on with the table in force.
func (d *directory) refresh() {
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	info, err := os.Stat(d.file)
	if err != nil {
		if !d.gone {
			d.log.Error("members file is not readable; the last one stays in force", "error", err)
		}
		d.gone = true
		return
	}
	d.gone = false
	if d.seen == stampOf(info) {
		return
	}
	seen, members, err := d.read()
	d.seen = seen
	if err != nil {
		d.log.Error("new members file refused; the one before stays in force", "error", err)
		return
	}
	d.members.Store(&members)
	d.log.Info("members loaded anew", "count", len(members))
}

func stampOf(info os.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// read reads the file. A file that grows or changes meanwhile is refused; its
// stamp will differ, so it is read again.
func (d *directory) read() (stamp, table, error) {
	f, err := os.Open(d.file)
	if err != nil {
		return stamp{}, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return stamp{}, nil, err
	}
	seen := stampOf(info)
	if info.Size() > maxSize {
		return seen, nil, fmt.Errorf("members file: %d bytes, at most %d are read", info.Size(), maxSize)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return seen, nil, err
	}
	if int64(len(raw)) != info.Size() {
		return seen, nil, fmt.Errorf("members file changed while it was read")
	}
	members, err := d.parser.parse(raw)
	return seen, members, err
}
