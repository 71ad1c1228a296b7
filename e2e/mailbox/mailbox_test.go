package mailbox_test

import (
	"context"
	"net"
	"net/smtp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/mailbox"
)

func open(t *testing.T) (*mailbox.Mailbox, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox.Mailbox{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); box.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); listener.Close(); <-done })
	return box, listener.Addr().String()
}

const alternative = "From: Kasse <kasse@kasse.example>\r\nTo: anna@post.example\r\n" +
	"Subject: =?utf-8?q?Best=C3=A4tigen?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/html\r\n\r\n<p>HTML</p>\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Hier: http://login.localhost/a?key=3D1=\r\n2 und f=C3=BCr Sie\r\n--b--\r\n"

func TestAMailIsKeptAndRead(t *testing.T) {
	box, address := open(t)
	if err := smtp.SendMail(address, nil, "kasse@kasse.example", []string{"anna@post.example"}, []byte(alternative)); err != nil {
		t.Fatal(err)
	}
	got, err := box.Await(t.Context(), "Anna@post.example", "für Sie")
	if err != nil {
		t.Fatal(err)
	}
	want := mailbox.Message{From: "kasse@kasse.example", To: []string{"anna@post.example"}, Subject: "Bestätigen", Header: got.Header, Text: "Hier: http://login.localhost/a?key=12 und für Sie"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"http://login.localhost/a?key=12"}, got.Links()); diff != "" {
		t.Error(diff)
	}
	if left := box.Messages("anna@post.example"); len(left) != 0 {
		t.Errorf("%d messages are left after they were awaited", len(left))
	}
}

func TestAwaitWaitsForTheNextMail(t *testing.T) {
	box, address := open(t)
	send := func(to, text string) {
		t.Helper()
		mail := "Subject: x\r\nContent-Type: text/plain\r\n\r\n" + text + "\r\n.leading dot\r\n"
		if err := smtp.SendMail(address, nil, "a@kasse.example", []string{to}, []byte(mail)); err != nil {
			t.Fatal(err)
		}
	}
	send("other@post.example", "for another")
	got := make(chan string)
	go func() {
		message, _ := box.Await(t.Context(), "anna@post.example", "")
		got <- message.Text
	}()
	send("anna@post.example", "the second")
	if text := <-got; !strings.Contains(text, "the second\n.leading dot") {
		t.Errorf("got %q", text)
	}
	if n := len(box.Messages("")); n != 1 {
		t.Errorf("%d messages are kept for the others, want 1", n)
	}
}

func TestWhatIsNoMailIsRefused(t *testing.T) {
	_, address := open(t)
	for name, text := range map[string]string{
		"no header":    "nothing",
		"bad encoding": "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
	} {
		if err := smtp.SendMail(address, nil, "a@kasse.example", []string{"b@kasse.example"}, []byte(text)); err == nil {
			t.Errorf("%s: it was kept", name)
		}
	}
	client, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Mail("a@kasse.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Data(); err == nil {
		t.Error("a mail to nobody was taken")
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte(alternative))
	f.Add([]byte("Subject: x\r\n\r\ny\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		message, err := mailbox.Parse(raw)
		if err == nil && len(message.Text) > len(raw) {
			t.Errorf("%d bytes of text from %d", len(message.Text), len(raw))
		}
	})
}
