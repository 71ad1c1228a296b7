package webcenter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/schleuse/schleuse/sidecar/client"
)

// Entry says that a change was executed, and by which approval.
type Entry struct {
	Time     time.Time   `json:"time"`
	Number   string      `json:"number"` // of the person; the journal is the demo's own
	Action   string      `json:"action"`
	Content  client.Hash `json:"content_sha256"` // of the bytes that were executed
	Approval string      `json:"approval"`
	Verified bool        `json:"verified"` // the receipt was verified before
	Receipt  string      `json:"receipt"`  // the receipt itself
}

// Write appends the entry to the file, which is on the disk when it returns.
func (e Entry) Write(file string) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// ReadJournal returns what stands in a journal's file, oldest first. A file
// that is not there is an empty journal.
func ReadJournal(file string) ([]Entry, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var entries []Entry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}
