package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"

	"github.com/schleuse/schleuse/sidecar/internal/config"
)

// pipes is a listener at which somebody always waits.
type pipes struct{}

func (pipes) Accept() (net.Conn, error) {
	ours, _ := net.Pipe()
	return ours, nil
}
func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return nil }

// TestConnectionsAreBounded: with two places the third caller waits until one
// of the others has left, and takes one place though that was closed twice.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		l := newBounded(pipes{}, 2, slog.New(slog.NewTextHandler(&told, nil)))
		accepted := make(chan net.Conn, 9)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					close(accepted)
					return
				}
				accepted <- c
			}
		}()
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Fatalf("%d are in, want 2", n)
		}
		first := <-accepted
		if err := errors.Join(first.Close(), first.Close()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Errorf("one left, and %d are in", n)
		}
		if n := bytes.Count(told.Bytes(), []byte("all connections are taken")); n != 1 {
			t.Errorf("told %d times: %s", n, told.String())
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil { // while the next one waits
			t.Error(err)
		}
		synctest.Wait()
		<-accepted
		<-accepted
		if _, open := <-accepted; open {
			t.Error("somebody came in after the stop")
		}
	})
}

// TestThePublicPortIsBounded as the operator says.
func TestThePublicPortIsBounded(t *testing.T) {
	h := &house{Server: &Server{Config: &config.Config{Listen: config.Listen{Address: "127.0.0.1:0", Connections: 7}}, Log: quietLog()}}
	p, err := h.publicPort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if b, ok := l.(*bounded); !ok || cap(b.places) != 7 {
		t.Errorf("a listener %T", l)
	}
}
