package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cache is a folder outside the tree that keeps what is slow to make: the
// unpacked Keycloak, its optimized build, filled databases.
type Cache struct {
	Dir      string
	Progress Progress
}

// OpenCache uses SCHLEUSE_CACHE, else "schleuse" in the user's cache folder,
// and makes it when missing.
func OpenCache(progress Progress) (Cache, error) {
	dir := os.Getenv("SCHLEUSE_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return Cache{}, fmt.Errorf("no cache folder, set SCHLEUSE_CACHE: %w", err)
		}
		dir = filepath.Join(base, "schleuse")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Cache{}, fmt.Errorf("cache folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Cache{}, fmt.Errorf("cache folder: %w", err)
	}
	return Cache{Dir: dir, Progress: progress}, nil
}

func (c Cache) path(elements ...string) string {
	return filepath.Join(append([]string{c.Dir}, elements...)...)
}

// lock keeps other processes from preparing the same thing at once. The kernel
// frees it when this process dies.
func (c Cache) lock(ctx context.Context, name string) (unlock func(), err error) {
	file, err := os.OpenFile(c.path(name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	told := false
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		if !told {
			c.Progress.Say("another process prepares %s, waiting for it", name)
			told = true
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// runDir makes a folder for one running process and clears away those of
// processes that were killed.
func (c Cache) runDir() (string, error) {
	runs := c.path("runs")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(runs)
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		owner, _, _ := strings.Cut(entry.Name(), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(filepath.Join(runs, entry.Name()))
		}
	}
	return os.MkdirTemp(runs, strconv.Itoa(os.Getpid())+"-")
}
