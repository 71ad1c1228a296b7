package mail_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// received is a mail as the server took it.
type received struct {
	From, To, Data string
	Encrypted      bool
	User           string
}

// server speaks SMTP on loopback, with what can go wrong.
type server struct {
	answers    map[string]string // to a verb, instead of the usual; "" = silence
	noStartTLS bool
	implicit   bool

	port   int
	caFile string
	tls    *tls.Config

	mu   sync.Mutex
	got  []received
	said []string // verbs before TLS
}

// listen starts the server; it ends with the test.
func (s *server) listen(t *testing.T) *server {
	t.Helper()
	s.tls, s.caFile = certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			running.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return s
}

func (s *server) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

func (s *server) plain() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.said...)
}

// session is one connection.
type session struct {
	*server
	conn      net.Conn
	in        *textproto.Reader
	mail      received
	encrypted bool
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	x := &session{server: s, conn: c}
	if s.implicit {
		x.secure()
	}
	x.in = textproto.NewReader(bufio.NewReader(x.conn))
	if !x.say("CONNECT", "220 here") {
		return
	}
	for {
		line, err := x.in.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		if !x.encrypted {
			s.mu.Lock()
			s.said = append(s.said, strings.ToUpper(verb))
			s.mu.Unlock()
		}
		if !x.answer(strings.ToUpper(verb), rest) {
			return
		}
	}
}

func (x *session) secure() {
	x.conn = tls.Server(x.conn, x.tls)
	x.in = textproto.NewReader(bufio.NewReader(x.conn))
	x.encrypted = true
}

// say sends the reply; false = the connection is over.
func (x *session) say(verb, usual string) bool {
	reply, other := x.answers[verb]
	if !other {
		reply = usual
	}
	if reply == "" {
		_, _ = x.in.ReadLine() // silent until the client gives up
		return false
	}
	if reply == "cut" {
		return false
	}
	_, err := fmt.Fprintf(x.conn, "%s\r\n", reply)
	return err == nil
}

func (x *session) answer(verb, rest string) bool {
	switch verb {
	case "EHLO":
		return x.say(verb, strings.Join(x.greeting(), "\r\n"))
	case "STARTTLS":
		ok := x.say(verb, "220 go on")
		x.secure()
		return ok
	case "AUTH":
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
		x.mail.User = strings.ReplaceAll(string(raw), "\x00", "/")
		return x.say(verb, "235 welcome")
	case "MAIL":
		x.mail.From = rest
		return x.say(verb, "250 ok")
	case "RCPT":
		x.mail.To = rest
		return x.say(verb, "250 ok")
	case "DATA":
		return x.data()
	case "QUIT":
		x.say(verb, "221 bye")
		return false
	}
	return x.say(verb, "250 ok")
}

func (x *session) greeting() []string {
	lines := []string{"250-here", "250-8BITMIME"}
	if !x.noStartTLS && !x.encrypted {
		lines = append(lines, "250-STARTTLS")
	}
	return append(lines, "250 AUTH PLAIN LOGIN")
}

func (x *session) data() bool {
	if !x.say("DATA", "354 go on") {
		return false
	}
	if reply, other := x.answers["DATA"]; other && !strings.HasPrefix(reply, "354") {
		return true
	}
	raw, err := x.in.ReadDotBytes()
	if err != nil {
		return false
	}
	if reply, other := x.answers["."]; !other || strings.HasPrefix(reply, "250") {
		x.mail.Data, x.mail.Encrypted = string(raw), x.encrypted
		x.mu.Lock()
		x.got = append(x.got, x.mail)
		x.mu.Unlock()
	}
	return x.say(".", "250 taken")
}

// certificate makes one for 127.0.0.1 and writes it to a file, as an authority.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}
