package apns

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
	// KeyFile is the key for signing provider tokens as Apple gives it (.p8).
	// It is read anew for each provider token.
	KeyFile string `yaml:"key_file"`
	KeyID   string `yaml:"key_id"`  // 10 characters
	TeamID  string `yaml:"team_id"` // 10 characters
	// Topic is the app's bundle id.
	Topic string `yaml:"topic"`
	// BodyKey is a key of the app's Localizable strings that the system shows;
	// Text is shown as it is. At most one of them; neither: the app is woken in
	// the background, and nothing is shown by itself.
	BodyKey string `yaml:"body_key"`
	Text    string `yaml:"text"`
	// BaseURL is where notifications are sent. https.
	BaseURL string `yaml:"base_url"`
	// CAFile has the certificates (PEM) that may have signed the service's;
	// empty = those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// Lifetime is how long the service keeps a notification for a phone that it
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
	mostText     = 200 // characters
	maxBodyKey   = 100 // characters
)

var (
	idForm      = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	topicForm   = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	bodyKeyForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

func defaults() Config {
	return Config{BaseURL: "https://api.push.apple.com", Lifetime: 5 * time.Minute, Timeout: 5 * time.Second}
}

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.KeyFile, c.CAFile} }

// Read implements extension.Reader.
func (c Config) Read() error {
	_, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile})
	_, keyErr := readKey(c.KeyFile)
	return errors.Join(err, keyErr)
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{
		extension.Between("lifetime", c.Lifetime, 0, mostLifetime),
		extension.Between("timeout", c.Timeout, leastTimeout, mostTimeout),
		c.validateWords(),
	}
	if c.KeyFile == "" {
		errs = append(errs, errors.New("key_file is missing: the key for APNs (.p8), from the developer account"))
	}
	if !idForm.MatchString(c.KeyID) {
		errs = append(errs, errors.New("key_id: not the 10 characters of the key's id"))
	}
	if !idForm.MatchString(c.TeamID) {
		errs = append(errs, errors.New("team_id: not the 10 characters of the team's id"))
	}
	if !topicForm.MatchString(c.Topic) {
		errs = append(errs, errors.New("topic: no bundle id, such as example.kasse.app"))
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, errors.New("base_url: no address as https://api.push.apple.com"))
	}
	return errors.Join(errs...)
}

func (c Config) validateWords() error {
	switch {
	case c.BodyKey != "" && c.Text != "":
		return errors.New("body_key and text: only one of them")
	case c.BodyKey != "" && (len(c.BodyKey) > maxBodyKey || !bodyKeyForm.MatchString(c.BodyKey)):
		return errors.New("body_key: no key of a string, such as push_body")
	case utf8.RuneCountInString(c.Text) > mostText || strings.ContainsFunc(c.Text, unicode.IsControl):
		return fmt.Errorf("text: not one line of up to %d characters", mostText)
	}
	return nil
}

// Factory returns the kind "apns".
func Factory() extension.Factory { return extension.Define("apns", defaults, open) }

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	remote, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile, HTTP2: true, Timeout: c.Timeout, Now: host.Now})
	if err != nil {
		return extension.Parts{}, err
	}
	p := &pusher{config: c, remote: remote, provider: &provider{config: c, now: host.Now}, now: host.Now}
	if err := p.ready(context.Background()); err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Pusher: p, Ready: p.ready, Close: remote.Close}, nil
}
