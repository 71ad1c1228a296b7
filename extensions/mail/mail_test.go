package mail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/mail"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

func notice() notify.Notice {
	return notify.Notice{
		Kind: notify.PasswordChanged, ID: "password/0123", Number: extensiontest.Number, Account: extensiontest.Account,
		At: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
}

// desk is the notifier, and what it stands on.
type desk struct {
	*extensiontest.Stage
	notifier notify.Notifier
}

func open(t *testing.T, s *server, more string) desk {
	t.Helper()
	stage := extensiontest.NewStage("mail")
	kind := "starttls"
	if s.implicit {
		kind = "implicit"
	}
	config := fmt.Sprintf("from: Muster-Krankenkasse <konto@kasse.example>\nreply_to: service@kasse.example\n"+
		"smtp:\n  host: 127.0.0.1\n  port: %d\n  ca_file: %s\n  tls: %s\n", s.port, s.caFile, kind) + more
	return desk{stage, stage.Open(t, mail.Factory(), config).Notifier}
}

func TestExtension(t *testing.T) {
	extensiontest.Run(t, mail.Factory, extensiontest.Case{Name: "whole", Config: "from: a@b.example\nsmtp: {host: smtp.kasse.example}"})
}

func TestConfiguration(t *testing.T) {
	for config, want := range map[string]string{
		"smtp: {host: h}":               "from",
		"from: nobody\nsmtp: {host: h}": "from",
		"from: \"a@b.example\\r\\nBcc: c@d.example\"\nsmtp: {host: h}": "from",
		"from: a@b.example\nreply_to: x\nsmtp: {host: h}":              "reply_to",
		"from: a@b.example":                                                          "smtp.host",
		"from: a@b.example\nsmtp: {host: 'https://h'}":                               "smtp.host",
		"from: a@b.example\nsmtp: {host: h, port: 70000}":                            "smtp.port",
		"from: a@b.example\nsmtp: {host: h, tls: maybe}":                             "smtp.tls",
		"from: a@b.example\nsmtp: {host: h, tls: none}":                              "same machine",
		"from: a@b.example\nsmtp: {host: 127.0.0.2, tls: none}":                      "",
		"from: a@b.example\nsmtp: {host: localhost, tls: none}":                      "",
		"from: a@b.example\nsmtp: {host: '::1', tls: implicit}":                      "",
		"from: a@b.example\nsmtp: {host: h, user: u}":                                "belong together",
		"from: a@b.example\nsmtp: {host: ::1, tls: none, user: u, password_file: p}": "without TLS",
		"from: a@b.example\nsmtp: {host: h, timeout: 60s}":                           "smtp.timeout",
	} {
		err := mail.Factory().Check(extensiontest.Decoder(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n→ %v, want %q", config, err, want)
		}
	}
}

func TestMail(t *testing.T) {
	for name, s := range map[string]*server{"starttls": {}, "implicit": {implicit: true}} {
		t.Run(name, func(t *testing.T) {
			s.listen(t)
			d := open(t, s, "")
			if err := d.notifier.Notify(t.Context(), notice()); err != nil {
				t.Fatal(err)
			}
			if err := d.notifier.Notify(t.Context(), notice()); err != nil {
				t.Fatal(err)
			}
			got := s.mails()
			if len(got) != 2 || !got[0].Encrypted || !strings.Contains(got[0].To, extensiontest.Person().Mail) {
				t.Fatalf("%+v", got)
			}
			for _, verb := range s.plain() {
				if verb != "EHLO" && verb != "STARTTLS" {
					t.Errorf("%s was said before TLS", verb)
				}
			}
			header, body := read(t, got[0].Data)
			again, _ := read(t, got[1].Data)
			if id := header.Get("Message-ID"); id != again.Get("Message-ID") || !strings.HasSuffix(id, "@kasse.example>") {
				t.Errorf("Message-ID %q, then %q", id, again.Get("Message-ID"))
			}
			for name, want := range map[string]string{
				"From": `"Muster-Krankenkasse" <konto@kasse.example>`, "Reply-To": "<service@kasse.example>",
				"To": "<" + extensiontest.Person().Mail + ">", "Auto-Submitted": "auto-generated",
				"Subject": "Ihr Passwort wurde geändert / Your password was changed",
				"Date":    "Tue, 24 Nov 2026 12:00:00 +0000",
			} {
				if header.Get(name) != want {
					t.Errorf("%s: %q, want %q", name, header.Get(name), want)
				}
			}
			for _, want := range []string{"24.11.2026, 13:00 Uhr", "24 November 2026, 13:00", "0800 000000", "neues Passwort", "new password", "Muster-Krankenkasse"} {
				if !strings.Contains(body, want) {
					t.Errorf("%q is missing in\n%s", want, body)
				}
			}
			p := extensiontest.Person()
			for _, personal := range []string{p.Surname, p.Given, string(p.KVNR), string(extensiontest.Account), "http"} {
				if strings.Contains(body, personal) || strings.Contains(header.Get("Subject")+header.Get("Message-ID"), personal) {
					t.Errorf("%q stands in the mail", personal)
				}
			}
		})
	}
}

// head is a mail's header, decoded.
type head map[string][]string

func (h head) Get(name string) string { return netmail.Header(h).Get(name) }

func read(t *testing.T, data string) (head, string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if kind, _, _ := mime.ParseMediaType(m.Header.Get("Content-Type")); kind != "text/plain" {
		t.Errorf("content type %q", kind)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range m.Header {
		for i := range values {
			if values[i], err = new(mime.WordDecoder).DecodeHeader(values[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return head(m.Header), string(body)
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		server *server
		slow   bool
		final  bool
		say    string
	}{
		"busy":                  {&server{answers: map[string]string{"CONNECT": "421 busy"}}, false, false, ""},
		"without TLS":           {&server{noStartTLS: true}, false, false, "STARTTLS"},
		"recipient later":       {&server{answers: map[string]string{"RCPT": "450 anna.beispielmann@kasse.example later"}}, false, false, "recipient, code 450"},
		"recipient unknown":     {&server{answers: map[string]string{"RCPT": "550 5.1.1 <anna.beispielmann@kasse.example> unknown"}}, false, true, "recipient, code 550"},
		"sender refused":        {&server{answers: map[string]string{"MAIL": "553 not you"}}, false, false, "sender, code 553"},
		"content later":         {&server{answers: map[string]string{".": "451 later"}}, false, false, "content, code 451"},
		"content refused":       {&server{answers: map[string]string{".": "554 spam for anna.beispielmann@kasse.example"}}, false, true, "content, code 554"},
		"data refused":          {&server{answers: map[string]string{"DATA": "554 no"}}, false, true, "content, code 554"},
		"cut before the data":   {&server{answers: map[string]string{"DATA": "cut"}}, false, false, ""},
		"cut after the data":    {&server{answers: map[string]string{".": "cut"}}, false, false, ""},
		"silent from the start": {&server{answers: map[string]string{"CONNECT": ""}}, true, false, ""},
		"silent later":          {&server{answers: map[string]string{"MAIL": ""}}, true, false, ""},
		"silent after the data": {&server{answers: map[string]string{".": ""}}, true, false, ""},
		"garbage":               {&server{answers: map[string]string{"CONNECT": "SSH-2.0-here"}}, true, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, c.server.listen(t), "")
			ctx, stop := t.Context(), func() {}
			if c.slow {
				ctx, stop = context.WithTimeout(ctx, 200*time.Millisecond)
			}
			defer stop()
			err := d.notifier.Notify(ctx, notice())
			if err == nil || errors.Is(err, extension.ErrUndeliverable) != c.final || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%v; final %v, wanted %v with %q", err, errors.Is(err, extension.ErrUndeliverable), c.final, c.say)
			}
			if strings.Contains(fmt.Sprint(err), "beispielmann") {
				t.Errorf("the error names the person: %v", err)
			}
			if n := len(c.server.mails()); n != 0 {
				t.Errorf("%d mails were taken", n)
			}
		})
	}
}

func TestDown(t *testing.T) {
	s := (&server{}).listen(t)
	s.port = 1
	if err := open(t, s, "").notifier.Notify(t.Context(), notice()); err == nil || errors.Is(err, extension.ErrUndeliverable) {
		t.Errorf("%v", err)
	}
}

func TestAServerThatIsNotTrustedGetsNothing(t *testing.T) {
	for name, s := range map[string]*server{"starttls": {}, "implicit": {implicit: true}} {
		s.listen(t)
		_, s.caFile = certificate(t)
		err := open(t, s, "").notifier.Notify(t.Context(), notice())
		if err == nil || errors.Is(err, extension.ErrUndeliverable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.mails()) != 0 {
			t.Errorf("%s: a mail was sent", name)
		}
	}
}

func TestWhatWasTakenIsNotSentAgain(t *testing.T) {
	for _, verb := range []string{"RSET", "QUIT"} {
		s := (&server{answers: map[string]string{verb: "cut"}}).listen(t)
		if err := open(t, s, "").notifier.Notify(t.Context(), notice()); err != nil || len(s.mails()) != 1 {
			t.Errorf("cut at %s: %v, %d mails", verb, err, len(s.mails()))
		}
	}
}

func TestSigningIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user := "  user: schleuse\n  password_file: " + file + "\n"
	for name, s := range map[string]*server{"starttls": {}, "implicit": {implicit: true}} {
		if err := open(t, s.listen(t), user).notifier.Notify(t.Context(), notice()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.mails(); len(got) != 1 || got[0].User != "/schleuse/s3cret" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s := (&server{answers: map[string]string{"AUTH": "535 5.7.8 no"}}).listen(t)
	if err := open(t, s, user).notifier.Notify(t.Context(), notice()); err == nil || errors.Is(err, extension.ErrUndeliverable) {
		t.Errorf("refused: %v", err)
	}
}

func TestPeopleWithoutMail(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*member.Member)
		final  bool
	}{
		"none on file":     {func(m *member.Member) { m.Mail = "" }, false},
		"not on file":      {func(m *member.Member) { m.KVNR = "B123456782" }, false},
		"deceased":         {func(m *member.Member) { m.Status = member.StatusDeceased }, false},
		"a second header":  {func(m *member.Member) { m.Mail = "a@b.example\r\nBcc: c@d.example" }, true},
		"a second address": {func(m *member.Member) { m.Mail = "a@b.example, c@d.example" }, true},
		"a name":           {func(m *member.Member) { m.Mail = "Anna<a@b.example>" }, true},
		"a command":        {func(m *member.Member) { m.Mail = "a@b.example>\r\nRCPT TO:<c@d.example" }, true},
		"quoted":           {func(m *member.Member) { m.Mail = `"a\r\n b"@b.example` }, true},
		"no address":       {func(m *member.Member) { m.Mail = "unbekannt" }, true},
		"too long":         {func(m *member.Member) { m.Mail = strings.Repeat("a", 250) + "@b.example" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := (&server{}).listen(t)
			d := open(t, s, "")
			p := extensiontest.Person()
			number := p.KVNR
			c.change(&p)
			n := notice()
			if p.KVNR != number {
				n.Number, p.KVNR = p.KVNR, number
			}
			d.Members.Put(p)
			err := d.notifier.Notify(t.Context(), n)
			if errors.Is(err, extension.ErrUndeliverable) != c.final || err != nil && !c.final {
				t.Errorf("%v", err)
			}
			if err != nil && p.Mail != "" && strings.Contains(err.Error(), p.Mail) {
				t.Errorf("the error holds the address: %v", err)
			}
			if n := len(s.mails()); n != 0 {
				t.Errorf("%d mails were sent", n)
			}
		})
	}
}

func TestADirectoryThatIsDownIsAskedAgain(t *testing.T) {
	d := open(t, (&server{}).listen(t), "")
	d.Members.Break(errors.New("down"))
	if err := d.notifier.Notify(t.Context(), notice()); !errors.Is(err, member.ErrUnavailable) || errors.Is(err, extension.ErrUndeliverable) {
		t.Errorf("%v", err)
	}
}

func TestReady(t *testing.T) {
	s := (&server{}).listen(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("from: a@b.example\nsmtp: {host: 127.0.0.1, port: %d, ca_file: %s, user: u, password_file: %s}", s.port, s.caFile, file)
	parts := extensiontest.NewStage("mail").Open(t, mail.Factory(), config)
	if err := parts.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := parts.Ready(t.Context()); err == nil {
		t.Error("ready without its password")
	}
	if err := os.WriteFile(s.caFile, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mail.Factory().Open(t.Context(), extensiontest.NewStage("mail").Host, extensiontest.Decoder(config)); err == nil {
		t.Error("opened without a certificate")
	}
}
