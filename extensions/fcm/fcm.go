package fcm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Config is the `config:` block.
type Config struct {
	// ServiceAccountFile is the service account's key as the Firebase console
	// gives it (JSON). It is read anew for each access token.
	ServiceAccountFile string `yaml:"service_account_file"`
	// Project is the Firebase project; empty = the service account's.
	Project string `yaml:"project"`
	// BaseURL is where messages are sent. https, or http on this machine.
	BaseURL string `yaml:"base_url"`
	// CAFile has the certificates (PEM) that may have signed the service's;
	// empty = those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// Texts are put beside the id, by language, for the app to show. Nothing
	// else than what stands here is ever shown.
	Texts map[string]string `yaml:"texts"`
	// BodyKey is a string resource of the app that the system shows by itself;
	// empty = the app alone decides what is shown.
	BodyKey string `yaml:"body_key"`
	// Lifetime is how long the service keeps a message for a phone that it
	// cannot reach. 0 (now or never) to 24 hours.
	Lifetime time.Duration `yaml:"lifetime"`
	// Timeout bounds one call. 1 to 10 seconds.
	Timeout time.Duration `yaml:"timeout"`
}

// The bounds of the settings.
const (
	mostLifetime = 24 * time.Hour
	leastTimeout = time.Second
	mostTimeout  = 10 * time.Second
	mostTexts    = 8
	mostText     = 200 // characters
	maxBodyKey   = 100 // characters
)

var (
	projectForm  = regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}$`)
	keyForm      = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

func defaults() Config {
	return Config{BaseURL: "https://fcm.googleapis.com", Lifetime: 5 * time.Minute, Timeout: 5 * time.Second}
}

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.ServiceAccountFile, c.CAFile} }

// Read implements extension.Reader.
func (c Config) Read() error {
	_, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile})
	_, readErr := readAccount(c)
	return errors.Join(err, readErr)
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{
		extension.Between("lifetime", c.Lifetime, 0, mostLifetime),
		extension.Between("timeout", c.Timeout, leastTimeout, mostTimeout),
		c.validateTexts(),
	}
	if c.ServiceAccountFile == "" {
		errs = append(errs, errors.New("service_account_file is missing: the key of the service account, from the Firebase console"))
	}
	if c.Project != "" && !projectForm.MatchString(c.Project) {
		errs = append(errs, errors.New("project: no id of a project, such as kasse-app"))
	}
	if u, err := url.Parse(c.BaseURL); err != nil || !extension.Private(u) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, errors.New("base_url: no address as https://fcm.googleapis.com; http is for this machine only"))
	}
	if c.BodyKey != "" && (len(c.BodyKey) > maxBodyKey || !keyForm.MatchString(c.BodyKey)) {
		errs = append(errs, errors.New("body_key: no name of a string resource, such as push_body"))
	}
	return errors.Join(errs...)
}

func (c Config) validateTexts() error {
	if len(c.Texts) > mostTexts {
		return fmt.Errorf("texts: over %d languages", mostTexts)
	}
	for language, text := range c.Texts {
		if !languageForm.MatchString(language) {
			return errors.New("texts: no language such as de")
		}
		if text == "" || utf8.RuneCountInString(text) > mostText || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("texts.%s: not one line of 1 to %d characters", language, mostText)
		}
	}
	return nil
}

// Factory returns the kind "fcm".
func Factory() extension.Factory { return extension.Define("fcm", defaults, open) }

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	remote, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile, Timeout: c.Timeout, Now: host.Now})
	if err != nil {
		return extension.Parts{}, err
	}
	p := &pusher{config: c, remote: remote, tokens: newTokens(c, remote, host.Now)}
	if err := p.ready(context.Background()); err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Pusher: p, Ready: p.ready, Close: remote.Close}, nil
}
