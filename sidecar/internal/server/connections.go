package server

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// bounded is a listener that has at most so many connections open at the same
// time. Whoever comes then waits in the kernel's queue, and so costs nothing
// here.
type bounded struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	close  func() error
	full   rate.Sometimes
	log    *slog.Logger
}

func newBounded(l net.Listener, connections int, log *slog.Logger) *bounded {
	b := &bounded{
		Listener: l, places: make(chan struct{}, connections), closed: make(chan struct{}),
		full: rate.Sometimes{Interval: time.Minute}, log: log,
	}
	b.close = sync.OnceValue(func() error {
		close(b.closed)
		return l.Close()
	})
	return b
}

// Accept waits for a free place, then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	default:
		b.full.Do(func() { b.log.Warn("all connections are taken", "bound", cap(b.places)) })
		select {
		case b.places <- struct{}{}:
		case <-b.closed:
			return nil, net.ErrClosed
		}
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-b.places })}, nil
}

// Close closes the listener; connections live on.
func (b *bounded) Close() error { return b.close() }

// placed is a connection that gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close closes the connection. It may be repeated.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
