package password

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

//go:embed pages/*.html pages/*.js messages/*.json
var files embed.FS

// Config is the `config:` block. The rules are shown before anybody types and
// are checked at once; Keycloak's own policy decides after them, so they
// should say the same.
type Config struct {
	// Existing says what a registration does that finds an account: sign_in
	// (say so) or recover (a new password for it).
	Existing Existing `yaml:"existing"`
	// MinLength is the least number of characters. 8 to 64.
	MinLength int `yaml:"min_length"`
	// Digits, Lower, Upper and Special are how many of each are needed at
	// least. 0 to 8.
	Digits  int `yaml:"digits"`
	Lower   int `yaml:"lower"`
	Upper   int `yaml:"upper"`
	Special int `yaml:"special"`
	// FromAge is the age in years from which one may have an own account, 0 to
	// 18; 0 leaves it to the status in the master data.
	FromAge int `yaml:"from_age"`
}

// Existing is what becomes of an account that is there already.
type Existing string

// The choices.
const (
	SignIn  Existing = "sign_in"
	Recover Existing = "recover"
)

// Validate implements extension.Validator.
func (c Config) Validate() error {
	var errs []error
	if c.Existing != SignIn && c.Existing != Recover {
		errs = append(errs, fmt.Errorf("existing: %q is neither sign_in nor recover", c.Existing))
	}
	between := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s: %d is not from %d to %d", name, n, least, most))
		}
	}
	between("min_length", c.MinLength, 8, 64)
	between("digits", c.Digits, 0, 8)
	between("lower", c.Lower, 0, 8)
	between("upper", c.Upper, 0, 8)
	between("special", c.Special, 0, 8)
	between("from_age", c.FromAge, 0, 18)
	return errors.Join(errs...)
}

// Factory returns the kind "password".
func Factory() extension.Factory {
	f := extension.Define("password", func() Config { return Config{Existing: SignIn, MinLength: 10, FromAge: member.OwnAccountAge} }, open)
	f.Place = flow.Closing
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
	s := &step{host: host, config: c, debts: debts{host.Records, host.Now}}
	return extension.Parts{Step: s, Run: s.run, Pages: pages, Messages: messages}, nil
}
