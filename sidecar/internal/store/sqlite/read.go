package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// OpenToRead opens a file that another process may be using. It makes no file,
// takes no lock and changes no schema; whatever writes fails. It returns an
// error that is fs.ErrNotExist when there is no database yet.
func OpenToRead(ctx context.Context, path string) (*Database, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	reader, err := connect(path, 1, "_pragma=query_only(1)")
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	d := &Database{writer: reader, reader: reader, group: newGroup()}
	if d.file, err = which(path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, errors.Join(err, d.Close()))
	}
	var tables int
	err = reader.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'").Scan(&tables)
	if err == nil && tables == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, errors.Join(err, d.Close()))
	}
	return d, nil
}
