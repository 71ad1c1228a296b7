package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	fileFormat  = "schleuse-keys/1"
	maxFileSize = 1 << 20
)

// file is the form on disk.
type file struct {
	Format string              `json:"format"`
	Keys   map[Purpose][]entry `json:"keys"`
}

type entry struct {
	ID      KeyID     `json:"id"`
	Created time.Time `json:"created"`
	Active  time.Time `json:"active_after"`
	Key     []byte    `json:"key"` // base64
}

// errFile hides what a decoder would quote of the file.
var errFile = errors.New("not a key file (made by `schleuse keys init`)")

// Load reads a key file. It refuses a file that others may read or that its
// group may write; the group may read it, because Kubernetes mounts Secrets so
// (defaultMode 0440 with fsGroup). The ring notices when the file is replaced
// (see Err).
func Load(path string) (*Ring, error) {
	all, info, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("reading keys %s: %w", path, err)
	}
	r := newRing(all)
	r.path, r.info = path, info
	return r, nil
}

func read(path string) (keys, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, errors.Unwrap(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if mode := info.Mode().Perm(); mode&0o037 != 0 {
		return nil, nil, fmt.Errorf("mode %#o lets others at the keys: chmod 0600 (or 0440 with a group of its own)", mode)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFileSize))
	if err != nil {
		return nil, nil, err
	}
	all, err := decode(raw)
	return all, info, err
}

// decode parses and checks a key file. Its errors never quote the content.
func decode(raw []byte) (keys, error) {
	var in file
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || dec.More() || in.Format != fileFormat {
		return nil, errFile
	}
	for p := range in.Keys {
		if !p.Valid() {
			return nil, errors.New("unknown purpose: made by a newer version?")
		}
	}
	all := keys{}
	for _, p := range Purposes() {
		vs, err := decodeVersions(p, in.Keys[p])
		if err != nil {
			return nil, err
		}
		all[p] = vs
	}
	return all, nil
}

func decodeVersions(p Purpose, entries []entry) ([]version, error) {
	if len(entries) == 0 || len(entries) > MaxVersions {
		return nil, fmt.Errorf("%s has %d keys, want 1 to %d", p, len(entries), MaxVersions)
	}
	var out []version
	for _, e := range entries {
		v, err := parseVersion(p, version{id: e.ID, created: e.Created, active: e.Active, material: e.Key})
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o version) bool { return o.id == v.id }) {
			return nil, fmt.Errorf("%s has two keys %s", p, v.id)
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b version) int { return b.active.Compare(a.active) })
	return out, nil
}

// Save writes the ring to path, mode 0600, in one step: whoever reads sees the
// old file or the new one, whole.
func (r *Ring) Save(path string) error {
	out := file{Format: fileFormat, Keys: map[Purpose][]entry{}}
	for p, vs := range *r.keys.Load() {
		for _, v := range vs {
			out.Keys[p] = append(out.Keys[p], entry{ID: v.id, Created: v.created.UTC(), Active: v.active.UTC(), Key: v.material})
		}
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("saving keys: %w", err)
	}
	if err := replace(path, append(raw, '\n')); err != nil {
		return fmt.Errorf("saving keys: %w", err)
	}
	return nil
}

// replace writes a file beside path, syncs it and renames it over path.
func replace(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		tmp.Close()
		if err != nil {
			os.Remove(tmp.Name()) //nolint:errcheck // the error that led here counts
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// reload reads the file again when it was replaced. A file that cannot be read
// leaves the keys as they are: an outage of the file is none of the service.
func (r *Ring) reload() {
	if r.path == "" {
		return
	}
	now := r.Now().UnixNano()
	last := r.looked.Load()
	if now-last < int64(ReloadInterval) || !r.looked.CompareAndSwap(last, now) {
		return
	}
	info, err := os.Stat(r.path)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && os.SameFile(info, r.info) && info.ModTime().Equal(r.info.ModTime()) && info.Size() == r.info.Size() {
		r.failed = nil
		return
	}
	all, info, err := read(r.path)
	r.failed = err
	if err == nil {
		r.info = info
		r.keys.Store(&all)
	}
}

// Err returns why the file could not be read again the last time, or nil. The
// ring goes on with the keys it has; a readiness check may report it.
func (r *Ring) Err() error {
	r.reload()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		return nil
	}
	return fmt.Errorf("reading keys %s again: %w", r.path, r.failed)
}
