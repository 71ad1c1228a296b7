package java_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/device/java"
)

const vectors = "../../../sidecar/device/testdata/protocol"

func TestTheJavaPhone(t *testing.T) {
	classes, err := java.Compile(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// Every vector of the protocol, and the same forms in what the phone makes.
	t.Run("knows the vectors", func(t *testing.T) {
		said, err := classes.Run(t.Context(), "Vectors", vectors)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", said)
	})
	t.Run("does not pass over a new vector", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(vectors)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "another.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := classes.Run(t.Context(), "Vectors", dir); err == nil {
			t.Error("passed over another.json")
		}
	})
	t.Run("is not refused where it did not ask", func(t *testing.T) {
		_, err := classes.Run(t.Context(), "Main", "self", "--state", filepath.Join(t.TempDir(), "phone.json"))
		var refused *java.Refused
		if err == nil || errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
	})
}
