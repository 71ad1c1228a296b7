package csv

import (
	"context"
	"errors"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Config is the `config:` block.
type Config struct {
	// File is the path of the export. It is read when the program starts, and
	// again within 2 seconds of a change.
	File string `yaml:"file"`
	// StrictCheckDigits refuses insurance numbers with a wrong check digit.
	// It is off only for test data.
	StrictCheckDigits bool `yaml:"strict_check_digits"`
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	if c.File == "" {
		return errors.New("file is missing: the path of the export")
	}
	return nil
}

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.File} }

// Read implements extension.Reader.
func (c Config) Read() error {
	_, _, err := c.directory().read()
	return err
}

func (c Config) directory() *directory {
	return &directory{file: c.File, parser: parser{strict: c.StrictCheckDigits}}
}

// Factory returns the kind "csv".
func Factory() extension.Factory {
	return extension.Define("csv", func() Config { return Config{StrictCheckDigits: true} }, open)
}

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	d := c.directory()
	d.log = host.Log
	if err := d.start(); err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Directory: d, Run: d.run}, nil
}
