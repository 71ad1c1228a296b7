package egk

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Config is the `config:` block. The defaults are proposals: the figures of
// the directive that binds insurers are not public.
type Config struct {
	// Tries is how many wrong answers lead to the lock. 1 to 10.
	Tries int `yaml:"tries"`
	// Lock is how long no further answer is taken then, from the last wrong
	// one. 1 minute to 90 days.
	Lock time.Duration `yaml:"lock"`
	// TriesPerCard is how many wrong answers a card bears in its life. 1 to 50.
	TriesPerCard int `yaml:"tries_per_card"`
	// FromAge is the age in years from which one may have an own account, 0 to
	// 18; 0 leaves it to the status in the master data.
	FromAge int `yaml:"from_age"`
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	return errors.Join(
		extension.Between("tries", c.Tries, 1, 10),
		extension.Between("tries_per_card", c.TriesPerCard, 1, 50),
		extension.Between("from_age", c.FromAge, 0, 18),
		extension.Between("lock", c.Lock, time.Minute, 90*24*time.Hour),
	)
}

// Factory returns the kind "egk". The digits of a card, which every practice
// sees, add to a password that was shown before: they make no account, and no
// new password.
func Factory() extension.Factory {
	f := extension.Define("egk", func() Config {
		return Config{Tries: 3, Lock: 24 * time.Hour, TriesPerCard: 5, FromAge: member.OwnAccountAge}
	}, open)
	f.Flows = []flow.Name{flow.Login, flow.Enrolment}
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
	s := &step{host: host, limits: limits{config: c, counters: host.Counters, now: host.Now}}
	return extension.Parts{Step: s, Offer: s.offer, Pages: pages, Messages: messages}, nil
}
