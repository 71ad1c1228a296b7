package webhook

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Config is the `config:` block.
type Config struct {
	// URL of the gateway. https, or http on this machine.
	URL string `yaml:"url"`
	// SecretFile holds the secret that both share: whsec_ and base64 of 24 to
	// 64 bytes. It is read anew for each call.
	SecretFile string `yaml:"secret_file"`
	// CAFile has the certificates (PEM) that may have signed the gateway's;
	// empty = those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// Timeout bounds one call. 1 to 10 seconds.
	Timeout time.Duration `yaml:"timeout"`
}

// The bounds of the settings.
const (
	leastTimeout = time.Second
	mostTimeout  = 10 * time.Second
	leastSecret  = 24 // bytes
	mostSecret   = 64
)

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.SecretFile, c.CAFile} }

// Read implements extension.Reader.
func (c Config) Read() error {
	_, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile})
	_, secretErr := c.secret()
	return errors.Join(err, secretErr)
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{extension.Between("timeout", c.Timeout, leastTimeout, mostTimeout)}
	if u, err := url.Parse(c.URL); err != nil || !extension.Private(u) || u.User != nil || u.Fragment != "" {
		errs = append(errs, errors.New("url: no address as https://push.kasse.example/schleuse; http is for this machine only"))
	}
	if c.SecretFile == "" {
		errs = append(errs, errors.New("secret_file is missing: whsec_ and base64 of 24 to 64 bytes, which the gateway has too"))
	}
	return errors.Join(errs...)
}

// secret returns the key that the secret stands for. The error does not hold it.
func (c Config) secret() ([]byte, error) {
	text, err := extension.ReadSecret(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < leastSecret || len(key) > mostSecret {
		return nil, fmt.Errorf("%s: no secret of whsec_ and base64 of %d to %d bytes", c.SecretFile, leastSecret, mostSecret)
	}
	return key, nil
}

// Factory returns the kind "webhook".
func Factory() extension.Factory {
	return extension.Define("webhook", func() Config { return Config{Timeout: 5 * time.Second} }, open)
}

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	remote, err := extension.OpenRemote(extension.RemoteSettings{CAFile: c.CAFile, Timeout: c.Timeout, Now: host.Now})
	if err != nil {
		return extension.Parts{}, err
	}
	p := &pusher{config: c, remote: remote, now: host.Now}
	if err := p.ready(context.Background()); err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Pusher: p, Ready: p.ready, Close: remote.Close}, nil
}
