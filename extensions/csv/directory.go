package csv

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
)

const (
	maxSize = 128 << 20       // bytes of a file
	poll    = 2 * time.Second // how often Run looks for a change
)

// table is the content of one file.
type table struct {
	members map[member.KVNR]member.Member
	births  map[string][]member.KVNR // by birth date as it stands in the file, in the file's order
}

// add takes a member in.
func (t table) add(m member.Member) {
	t.members[m.KVNR] = m
	t.births[m.BirthDate] = append(t.births[m.BirthDate], m.KVNR)
}

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
	d.log.Info("members loaded", "count", len(members.members))
	return nil
}

// Find implements member.Directory. It is never unavailable: where a new file
// is broken or missing, the one before stays in force.
func (d *directory) Find(_ context.Context, number member.KVNR) (member.Member, error) {
	d.refresh()
	return d.members.Load().find(number)
}

// Namesakes implements member.Namesaker.
func (d *directory) Namesakes(_ context.Context, number member.KVNR) ([]member.Member, error) {
	d.refresh()
	return d.members.Load().namesakes(number)
}

func (t table) find(number member.KVNR) (member.Member, error) {
	m, ok := t.members[number]
	if !ok {
		return member.Member{}, member.ErrNotFound
	}
	m.Cards = slices.Clone(m.Cards)
	return m, nil
}

func (t table) namesakes(number member.KVNR) ([]member.Member, error) {
	m, err := t.find(number)
	if err != nil {
		return nil, err
	}
	var out []member.Member
	for _, birth := range known(m.BirthDate) {
		for _, n := range t.births[birth] {
			if len(out) == member.MaxNamesakes {
				return out, nil
			}
			if other, err := t.find(n); err == nil && ident.Namesake(m, other) {
				out = append(out, other)
			}
		}
	}
	return out, nil
}

// known returns how a birth date can stand where it agrees and is known as well
// or less. Whoever's own birth date is not wholly known is identified by no
// document, so nobody is missed who knows it better.
func known(birth string) []string {
	var out []string
	for _, n := range []int{len(time.DateOnly), len("2006-01"), len("2006")} {
		if len(birth) >= n {
			out = append(out, birth[:n])
		}
	}
	return out
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
	d.log.Info("members loaded anew", "count", len(members.members))
}

func stampOf(info os.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// read reads the file. A file that grows or changes meanwhile is refused; its
// stamp will differ, so it is read again.
func (d *directory) read() (stamp, table, error) {
	f, err := os.Open(d.file)
	if err != nil {
		return stamp{}, table{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return stamp{}, table{}, err
	}
	seen := stampOf(info)
	if info.Size() > maxSize {
		return seen, table{}, fmt.Errorf("members file: %d bytes, at most %d are read", info.Size(), maxSize)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return seen, table{}, err
	}
	if int64(len(raw)) != info.Size() {
		return seen, table{}, fmt.Errorf("members file changed while it was read")
	}
	members, err := d.parser.parse(raw)
	return seen, members, err
}
