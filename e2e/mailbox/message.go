package mailbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
)

// Message is one mail, decoded.
type Message struct {
	From    string   // of the envelope
	To      []string // of the envelope
	Subject string
	Header  mail.Header
	Text    string // the first part of type text/plain, else the first text
}

// Links returns the addresses in the text, in order.
func (m Message) Links() []string { return links.FindAllString(m.Text, -1) }

var links = regexp.MustCompile(`https?://[^\s<>"]+`)

// depth bounds parts within parts.
const depth = 4

// parse reads a message (RFC 5322, MIME). From and To stay empty.
func parse(raw []byte) (Message, error) {
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("reading a mail: %w", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil {
		return Message{}, fmt.Errorf("reading the subject: %w", err)
	}
	text, _, err := body(part{read.Header.Get("Content-Type"), read.Header.Get("Content-Transfer-Encoding"), read.Body}, depth)
	return Message{Subject: subject, Header: read.Header, Text: text}, err
}

// part is a body with the two headers that say how it is to be read.
type part struct {
	kind, encoding string
	content        io.Reader
}

// body returns the text of a part, and whether it is plain.
func body(p part, depth int) (text string, plain bool, err error) {
	if depth == 0 {
		return "", false, errors.New("reading a mail: parts too deep")
	}
	kind, parameters, err := mime.ParseMediaType(p.kind)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		return parts(multipart.NewReader(p.content, parameters["boundary"]), depth-1)
	}
	if !strings.HasPrefix(kind, "text/") {
		return "", false, nil
	}
	raw, err := io.ReadAll(decoded(p))
	return string(raw), kind == "text/plain", err
}

// parts returns the first plain text among them, else the first text.
func parts(reader *multipart.Reader, depth int) (text string, plain bool, err error) {
	for {
		next, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, false, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("reading the parts of a mail: %w", err)
		}
		found, plain, err := body(part{next.Header.Get("Content-Type"), next.Header.Get("Content-Transfer-Encoding"), next}, depth)
		if err != nil || plain {
			return found, plain, err
		}
		if text == "" {
			text = found
		}
	}
}

func decoded(p part) io.Reader {
	switch strings.ToLower(p.encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(p.content)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, p.content)
	default:
		return p.content
	}
}
