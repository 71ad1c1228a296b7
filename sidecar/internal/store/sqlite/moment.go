package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Moment returns a mark for what tx changes, larger than all before it, and the
// life of the database: which file it is, and its lap (see begin).
func (d *Database) Moment(ctx context.Context, tx *sql.Tx) (mark int64, life string, err error) {
	var lap string
	err = tx.QueryRowContext(ctx, "UPDATE marks SET mark = mark + 1 WHERE id = 1 RETURNING mark, lap").Scan(&mark, &lap)
	d.marked = mark
	return mark, d.file + "/" + lap, err
}

// Horizon returns a mark below which everything was committed.
func (d *Database) Horizon(ctx context.Context) (mark int64, life string, err error) {
	var lap string
	err = d.reader.QueryRowContext(ctx, "SELECT mark + 1, lap FROM marks WHERE id = 1").Scan(&mark, &lap)
	return mark, d.file + "/" + lap, err
}

// which names the file as such: a copy of it is another one.
func which(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("the system does not tell which file it is")
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino), nil
}

// begin looks whether the file's content is older than what this file last
// held, as after copying a backup over it. The last mark stands in the lock
// file, which is no part of a backup. If so, a new lap begins.
func (d *Database) begin(ctx context.Context) error {
	last, err := d.lastMark()
	if err != nil || last == 0 {
		return err
	}
	var raw [8]byte
	rand.Read(raw[:])
	_, err = d.writer.ExecContext(ctx, "UPDATE marks SET mark = $1, lap = $2 WHERE id = 1 AND mark < $1", last, hex.EncodeToString(raw[:]))
	return err
}

// lastMark returns the mark in the lock file, zero for none.
func (d *Database) lastMark() (int64, error) {
	var raw [8]byte
	n, err := d.lock.ReadAt(raw[:], 0)
	if errors.Is(err, io.EOF) && n < len(raw) {
		return 0, nil
	}
	mark := int64(binary.BigEndian.Uint64(raw[:])) //nolint:gosec // written by keepMark
	if err != nil || mark < 0 {
		return 0, errors.Join(err, errors.New("the lock file holds something else"))
	}
	return mark, nil
}

// keepMark writes the last mark that was committed. It may lag behind after a
// power cut, never run ahead.
func (d *Database) keepMark(mark int64) {
	if mark == 0 || d.lock == nil {
		return
	}
	// A mark that is not written hides a restored backup at most, and only one
	// that was copied into this very file.
	_, _ = d.lock.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(mark)), 0) //nolint:gosec // marks are not negative
}
