package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is the longest secret that is read from a file, in bytes.
const maxSecret = 4096

// secret returns what reads a secret from a file, anew each time. Line ends at
// its end do not belong to it.
func secret(file string) func() (string, error) {
	return func() (string, error) {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close() //nolint:errcheck // only read
		return readSecret(f, file)
	}
}

func readSecret(r io.Reader, name string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s is longer than %d bytes: this is no secret", name, maxSecret)
	case text == "":
		return "", fmt.Errorf("%s is empty", name)
	case bytes.ContainsAny([]byte(text), "\r\n\x00"):
		return "", fmt.Errorf("%s has more than one line: want the secret alone", name)
	}
	return text, nil
}
