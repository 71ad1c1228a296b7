package secretfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

func TestRead(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{"s3cret", "s3cret", ""},
		{"s3cret\n", "s3cret", ""},
		{"s3cret\r\n", "s3cret", ""},
		{" with blanks ", " with blanks ", ""},
		{"", "", "empty"},
		{"\n", "", "empty"},
		{"a-line\nb-line", "", "more than one line"},
		{"nul\x00byte", "", "more than one line"},
		{strings.Repeat("x", secretfile.MaxSize+1), "", "longer than"},
	}
	for _, tt := range tests {
		got, err := secretfile.Read(strings.NewReader(tt.text), "the file")
		if tt.err == "" && (got != tt.want || err != nil) {
			t.Errorf("%q: %q, %v; want %q", tt.text, got, err, tt.want)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "-line")) {
			t.Errorf("%q: error %v, want %q in it and nothing of the secret", tt.text, err, tt.err)
		}
	}
}

func TestOpenReadsARotatedSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	read := secretfile.Open(path)
	if _, err := read(); err == nil {
		t.Error("a missing file gave no error")
	}
	for _, want := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := read(); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
