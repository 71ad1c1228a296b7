package secretfile

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxSize is the longest secret that is read, in bytes.
const MaxSize = 4096

// Open returns what reads the secret from a file, anew each time, so that a
// rotated one needs no restart.
func Open(path string) func() (string, error) {
	return func() (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return Read(f, path)
	}
}

// Read reads one secret: the whole of r, at most MaxSize bytes, without the
// line end at its end. name stands in errors; the secret never does.
func Read(r io.Reader, name string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(data) > MaxSize:
		return "", fmt.Errorf("%s is longer than %d bytes: this is no secret", name, MaxSize)
	case text == "":
		return "", fmt.Errorf("%s is empty", name)
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", fmt.Errorf("%s has more than one line: want the secret alone", name)
	}
	return text, nil
}
