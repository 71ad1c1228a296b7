package birthyear

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Config is the `config:` block.
type Config struct {
	// Tries is how many wrong years are taken within a day. 1 to 10.
	Tries int `yaml:"tries"`
	// Again is how long a right answer is remembered. 1 hour to 10 years.
	Again time.Duration `yaml:"again"`
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	var errs []error
	if c.Tries < 1 || c.Tries > 10 {
		errs = append(errs, fmt.Errorf("tries: %d is not from 1 to 10", c.Tries))
	}
	if c.Again < time.Hour || c.Again > 10*365*24*time.Hour {
		errs = append(errs, errors.New("again: not from 1 hour to 10 years"))
	}
	return errors.Join(errs...)
}

// Factory returns the kind "birthyear".
func Factory() extension.Factory {
	return extension.Define("birthyear", func() Config { return Config{Tries: 3, Again: 365 * 24 * time.Hour} }, open)
}

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return extension.Parts{}, err
	}
	messages, err := fs.Sub(files, "messages")
	if err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Step: &step{host: host, config: c}, Pages: pages, Messages: messages}, nil
}
