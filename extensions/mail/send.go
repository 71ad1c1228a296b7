package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// send hands the message to the mail server. Its errors hold no address and
// nothing that the server said but its code, for servers repeat addresses.
func (n *notifier) send(ctx context.Context, m *gomail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, n.config.SMTP.Timeout)
	defer cancel()
	security, err := n.security()
	if err != nil {
		return err
	}
	client, err := n.client(security, dialer(ctx, n.config.SMTP.TLS == Implicit, security))
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, m)
	if err == nil || m.IsDelivered() { // how they part afterwards is no matter
		return nil
	}
	return verdict(err)
}

// client speaks with the server. The password is read each time, so that a
// changed one needs no restart.
func (n *notifier) client(security *tls.Config, dial gomail.DialContextFunc) (*gomail.Client, error) {
	c := n.config.SMTP
	options := []gomail.Option{
		gomail.WithPort(c.port()), gomail.WithTimeout(c.Timeout), gomail.WithTLSConfig(security),
		gomail.WithoutNoop(), gomail.WithDialContextFunc(dial),
	}
	switch c.TLS {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.User != "" {
		password, err := extension.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("reading the mail server's password: %w", err)
		}
		options = append(options, gomail.WithUsername(c.User), gomail.WithPassword(strings.TrimRight(string(password), "\r\n")),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	client, err := gomail.NewClient(c.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("preparing the mail server's client: %w", err)
	}
	return client, nil
}

func (n *notifier) security() (*tls.Config, error) {
	c := &tls.Config{ServerName: n.config.SMTP.Host, MinVersion: tls.VersionTLS12}
	if n.config.SMTP.CAFile == "" {
		return c, nil
	}
	pem, err := extension.ReadFile(n.config.SMTP.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading smtp.ca_file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("smtp.ca_file has no certificate (PEM)")
	}
	return c, nil
}

// ready looks at the files alone: a mail server that is down delays notices,
// and must not keep people from signing in.
func (n *notifier) ready(context.Context) error {
	_, err := n.security()
	if err == nil && n.config.SMTP.PasswordFile != "" {
		_, err = extension.ReadFile(n.config.SMTP.PasswordFile)
	}
	return err
}

// dialer opens connections that end with ctx at the latest, also where the
// client has given deadlines of its own, or forgets one.
func dialer(ctx context.Context, implicit bool, security *tls.Config) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = raw.Close() })
		if !implicit {
			return raw, nil
		}
		secure := tls.Client(raw, security)
		return secure, secure.HandshakeContext(dialing)
	}
}

// verdict says whether the message can ever be delivered. The server's word
// about the recipient or the content is final; about who we are it is the
// operator's to mend.
func verdict(err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("reaching the mail server: %w", err) // no address was said yet
	}
	said := fmt.Errorf("the mail server refused: %s, code %d", stage(refused.Reason), refused.ErrorCode())
	if refused.ErrorCode() >= 500 && final(refused.Reason) {
		return fmt.Errorf("%w: %w", extension.ErrUndeliverable, said)
	}
	return said
}

func final(r gomail.SendErrReason) bool {
	return r == gomail.ErrSMTPRcptTo || r == gomail.ErrSMTPData || r == gomail.ErrSMTPDataClose
}

func stage(r gomail.SendErrReason) string {
	switch r {
	case gomail.ErrSMTPMailFrom:
		return "sender"
	case gomail.ErrSMTPRcptTo:
		return "recipient"
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose, gomail.ErrWriteContent:
		return "content"
	}
	return "connection, reason " + strconv.Itoa(int(r))
}
