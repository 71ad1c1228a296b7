package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Config is the `config:` block.
type Config struct {
	SMTP SMTP `yaml:"smtp"`
	// From is whom the mails come from: "Name <address>" or an address.
	From string `yaml:"from"`
	// ReplyTo is where an answer goes; empty = to From.
	ReplyTo string `yaml:"reply_to"`
}

// SMTP is the operator's mail server (RFC 5321, submission by RFC 6409).
type SMTP struct {
	Host string `yaml:"host"`
	// Port is 587, with TLS from the first byte 465, when it is 0.
	Port int `yaml:"port"`
	// TLS is starttls, implicit (RFC 8314), or none, which is for a server on
	// the same machine only.
	TLS TLS `yaml:"tls"`
	// User and PasswordFile sign in at the server; both or neither.
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	// CAFile has the certificates (PEM) that may have signed the server's;
	// empty = those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// Timeout bounds one delivery. 1 to 25 seconds.
	Timeout time.Duration `yaml:"timeout"`
}

// TLS says when the connection is encrypted. The zero TLS is invalid.
type TLS string

// The ways.
const (
	StartTLS TLS = "starttls" // before anything is said; a server without it gets nothing
	Implicit TLS = "implicit"
	NoTLS    TLS = "none"
)

func defaults() Config { return Config{SMTP: SMTP{TLS: StartTLS, Timeout: 20 * time.Second}} }

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.SMTP.PasswordFile, c.SMTP.CAFile} }

// Read implements extension.Reader.
func (c Config) Read() error { return (&notifier{config: c}).ready(context.Background()) }

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{c.SMTP.validate()}
	if _, err := mail.ParseAddress(c.From); err != nil {
		errs = append(errs, errors.New("from: no mail address, such as: Muster-Krankenkasse <konto@kasse.example>"))
	}
	if _, err := mail.ParseAddress(c.ReplyTo); err != nil && c.ReplyTo != "" {
		errs = append(errs, errors.New("reply_to: no mail address"))
	}
	return errors.Join(errs...)
}

func (s SMTP) validate() error {
	errs := []error{s.validateTLS()}
	if s.Host == "" || strings.ContainsAny(s.Host, "/ :") && net.ParseIP(s.Host) == nil {
		errs = append(errs, errors.New("smtp.host: no host name or address"))
	}
	if s.Port < 0 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("smtp.port: %d is no port", s.Port))
	}
	if (s.User == "") != (s.PasswordFile == "") {
		errs = append(errs, errors.New("smtp: user and password_file belong together"))
	}
	if s.Timeout < time.Second || s.Timeout > 25*time.Second {
		errs = append(errs, fmt.Errorf("smtp.timeout: %v is not from 1s to 25s", s.Timeout))
	}
	return errors.Join(errs...)
}

func (s SMTP) validateTLS() error {
	switch {
	case s.TLS == StartTLS, s.TLS == Implicit:
		return nil
	case s.TLS != NoTLS:
		return fmt.Errorf("smtp.tls: %q is neither starttls nor implicit nor none", s.TLS)
	case !loopback(s.Host):
		return errors.New("smtp.tls: none is for a server on the same machine only")
	case s.User != "":
		return errors.New("smtp.user: nobody signs in without TLS")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// port is the server's, or the one that its kind of TLS is spoken at.
func (s SMTP) port() int {
	switch {
	case s.Port != 0:
		return s.Port
	case s.TLS == Implicit:
		return 465
	}
	return 587
}

// Factory returns the kind "mail".
func Factory() extension.Factory { return extension.Define("mail", defaults, open) }

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	words, err := notify.OpenCatalogue()
	if err != nil {
		return extension.Parts{}, err
	}
	n := &notifier{host: host, config: c, words: words}
	if n.from, err = mail.ParseAddress(c.From); err != nil {
		return extension.Parts{}, errors.New("from: no mail address")
	}
	if err := n.ready(context.Background()); err != nil {
		return extension.Parts{}, err
	}
	return extension.Parts{Notifier: n, Ready: n.ready}, nil
}
