// Command generate writes the reference of the configuration: generate DIRECTORY
// writes README.md and schleuse.schema.json there. It is run by go generate in
// the folder of the package config.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/schleuse/schleuse/sidecar/internal/config/reference"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	keys, err := reference.Keys(".")
	if err != nil {
		return err
	}
	schema, err := reference.Schema(keys)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "schleuse.schema.json"), schema, 0o644); err != nil { //nolint:gosec // published, everybody may read it
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(reference.Markdown(keys)), 0o644) //nolint:gosec // likewise
}
