package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// Config is the `config:` block.
type Config struct {
	// URL of the look-up. https, or http on this machine.
	URL string `yaml:"url"`
	// NamesakesURL is the look-up of namesakes; without it none are known.
	NamesakesURL string `yaml:"namesakes_url"`
	// TokenFile holds the bearer token. It is read anew for each call.
	TokenFile string `yaml:"token_file"`
	// TLS is what is believed and shown.
	TLS TLS `yaml:"tls"`
	// Timeout of a look-up with all its repetitions. 100 ms to 10 s.
	Timeout time.Duration `yaml:"timeout"`
	// Keep is how long an answer may be used again, up to 60 s; 0 = not at all.
	Keep time.Duration `yaml:"keep"`
}

// TLS is what the client believes and shows.
type TLS struct {
	// CAFile has the certificates of the authorities that are believed, PEM,
	// read at the start; without it the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the certificate that is shown, PEM, read anew
	// for each connection.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// The bounds of the settings.
const (
	leastTimeout = 100 * time.Millisecond
	mostTimeout  = 10 * time.Second
	mostKeep     = time.Minute
)

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{address("url", c.URL)}
	if c.NamesakesURL != "" {
		errs = append(errs, address("namesakes_url", c.NamesakesURL))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("tls: cert_file and key_file belong together"))
	}
	if c.TokenFile == "" && c.TLS.CertFile == "" {
		errs = append(errs, errors.New("token_file or tls.cert_file is missing: the service must know who asks"))
	}
	if c.Timeout < leastTimeout || c.Timeout > mostTimeout {
		errs = append(errs, fmt.Errorf("timeout: %v is not from %v to %v", c.Timeout, leastTimeout, mostTimeout))
	}
	if c.Keep < 0 || c.Keep > mostKeep {
		errs = append(errs, fmt.Errorf("keep: %v is not from 0s to %v", c.Keep, mostKeep))
	}
	return errors.Join(errs...)
}

// address says what is wrong with the address of a service.
func address(key, text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return fmt.Errorf("%s is missing: the address of the look-up", key)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s is no address as https://members.example/lookup", key)
	case u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())):
		return fmt.Errorf("%s: master data need https, or http on this machine", key)
	}
	return nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Files implements extension.Filer.
func (c Config) Files() []string {
	return []string{c.TokenFile, c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile}
}

// Read implements extension.Reader.
func (c Config) Read() error {
	shown := credentials{c.TokenFile, c.TLS}
	_, err := shown.config()
	return errors.Join(shown.usable(), err)
}

// Warnings implements extension.Warner.
func (c Config) Warnings() []string {
	if c.NamesakesURL != "" {
		return nil
	}
	return []string{"namesakes_url: without it nobody notices that a document fits two insured people of the same name and birth date; needed where nect is used"}
}

// Factory returns the kind "http".
func Factory() extension.Factory {
	return extension.Define("http", func() Config { return Config{Timeout: 3 * time.Second, Keep: 10 * time.Second} }, open)
}

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	s, err := newService(c, host.Log)
	if err != nil {
		return extension.Parts{}, err
	}
	d, err := newDirectory(c, s, host.Now)
	if err != nil {
		return extension.Parts{}, err
	}
	parts := extension.Parts{Directory: d, Ready: s.ready, Close: s.close}
	if c.NamesakesURL != "" {
		parts.Directory = knowing{d}
	}
	return parts, nil
}
