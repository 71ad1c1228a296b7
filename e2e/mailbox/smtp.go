package mailbox

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// converse speaks SMTP with one client until it says QUIT or goes.
func (m *Mailbox) converse(conn net.Conn) {
	text := textproto.NewConn(conn)
	envelope := &envelope{}
	if text.PrintfLine("220 mailbox.localhost ready") != nil {
		return
	}
	for {
		if conn.SetDeadline(time.Now().Add(patience)) != nil {
			return
		}
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		answer := envelope.answer(verb, rest)
		if verb == "DATA" && answer == "" {
			answer = m.data(text, envelope)
		}
		if text.PrintfLine("%s", answer) != nil || verb == "QUIT" {
			return
		}
	}
}

// envelope is what one mail's commands have said so far.
type envelope struct {
	from string
	to   []string
}

// answer is the reply to every command; "" asks for the data that follow.
func (e *envelope) answer(verb, rest string) string {
	switch verb {
	case "EHLO":
		return "250-mailbox.localhost\r\n250-8BITMIME\r\n250 SIZE " + fmt.Sprint(sizeLimit)
	case "HELO", "NOOP":
		return "250 OK"
	case "MAIL":
		*e = envelope{from: address(rest)}
		return "250 OK"
	case "RCPT":
		e.to = append(e.to, address(rest))
		return "250 OK"
	case "DATA":
		if len(e.to) == 0 {
			return "503 no recipient"
		}
		return ""
	case "RSET":
		*e = envelope{}
		return "250 OK"
	case "QUIT":
		return "221 bye"
	default:
		return "502 not spoken here"
	}
}

// data takes the message itself and keeps it.
func (m *Mailbox) data(text *textproto.Conn, e *envelope) string {
	if text.PrintfLine("354 go on") != nil {
		return ""
	}
	raw, err := io.ReadAll(io.LimitReader(text.DotReader(), sizeLimit))
	if err != nil {
		return "451 the data broke off"
	}
	message, err := parse(raw)
	if err != nil {
		return "554 " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	message.From, message.To = e.from, e.to
	*e = envelope{}
	m.keep(message)
	return "250 kept"
}

// address is what stands between the angle brackets of MAIL and RCPT.
func address(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	inside, _, _ := strings.Cut(rest, ">")
	return inside
}
