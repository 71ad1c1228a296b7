package server

import (
	"io"
	"net/http"
	"time"
)

// pace bounds how long a request's body may take: patience, and a second more
// for each rate bytes that have come. A body that stands still would hold its
// connection for ever: a deadline of the whole request would end long answers
// too, and a context does not end a read.
type pace struct {
	patience time.Duration
	rate     int // bytes a second
}

// bodyPace is slower than any line that people have.
func bodyPace() pace { return pace{patience: 30 * time.Second, rate: 1 << 10} }

func (p pace) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &pacedBody{ReadCloser: r.Body, pace: p, connection: http.NewResponseController(w), begun: time.Now()}
		body.extend() // counts for what the handler leaves unread, too
		paced := *r
		paced.Body = body
		next.ServeHTTP(w, &paced)
	})
}

type pacedBody struct {
	io.ReadCloser
	pace
	connection *http.ResponseController
	begun      time.Time
	read       int64
}

// Read reads until the deadline that what has come so far allows.
func (b *pacedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.read += int64(n)
	if err == io.EOF {
		b.until(time.Time{}) // what follows is not the body: a long answer, a WebSocket
		return n, err
	}
	b.extend()
	return n, err
}

func (b *pacedBody) extend() {
	earned := time.Duration(b.read/int64(b.rate)) * time.Second
	b.until(b.begun.Add(b.patience + earned))
}

func (b *pacedBody) until(t time.Time) {
	// A connection without deadlines is none of a port's, but of a test's.
	_ = b.connection.SetReadDeadline(t)
}
