package kvnr

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Config is the `config:` block.
type Config struct {
	// Strict refuses numbers with a wrong check digit. It is off only for test data.
	Strict bool `yaml:"strict"`
	// RegistrationText and RecoveryText say, by language (de, en), how people
	// register for the first time or get a new password, where gate.flows has no
	// such flow. Blank lines separate paragraphs. Where there is none, people
	// are sent to the help phone.
	RegistrationText Text `yaml:"registration_text"`
	RecoveryText     Text `yaml:"recovery_text"`
}

// Text is a text by language.
type Text map[string]string

// maxText bounds a text, in bytes.
const maxText = 4 << 10

// Validate implements extension.Validator.
func (c Config) Validate() error {
	return errors.Join(c.RegistrationText.validate("registration_text"), c.RecoveryText.validate("recovery_text"))
}

func (t Text) validate(name string) error {
	for lang, text := range t {
		switch {
		case lang != "de" && lang != "en":
			return fmt.Errorf("%s: %q is neither de nor en", name, lang)
		case len(paragraphs(text)) == 0:
			return fmt.Errorf("%s: the text in %s is empty", name, lang)
		case len(text) > maxText:
			return fmt.Errorf("%s: the text in %s is over %d bytes", name, lang, maxText)
		}
	}
	return nil
}

// Factory returns the kind "kvnr".
func Factory() extension.Factory {
	f := extension.Define("kvnr", func() Config { return Config{Strict: true} }, open)
	f.Place = flow.InFront
	return f
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
	return extension.Parts{Step: &step{config: c, log: host.Log, help: host.Help, flows: host.Flows}, Pages: pages, Messages: messages}, nil
}
