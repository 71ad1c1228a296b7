package server

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paced serves one connection and hands over the client's end of it.
func paced(t *testing.T, h http.HandlerFunc) net.Conn {
	t.Helper()
	door := newInProcess()
	server := (&port{handler: h, log: quietLog()}).server(t.Context())
	go server.Serve(door)
	conn, err := door.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); server.Close(); door.Close() })
	return conn
}

const slowPost = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40960\r\n\r\na"

// TestBodyThatStandsStillIsCut, whether the handler reads it or leaves it.
func TestBodyThatStandsStillIsCut(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"read": func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
		"left": func(http.ResponseWriter, *http.Request) {},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := paced(t, handler)
				begun := time.Now()
				io.WriteString(conn, slowPost)
				conn.SetReadDeadline(begun.Add(time.Hour))
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Errorf("the connection stays: %v", err)
				}
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("cut after %v", took)
				}
			})
		})
	}
}

// TestBodyEarnsItsTime: what keeps coming is not cut, and an answer may take
// longer than its question could.
func TestBodyEarnsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := paced(t, func(w http.ResponseWriter, r *http.Request) {
			got, err := io.ReadAll(r.Body)
			if err != nil || len(got) != 40960 {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
			time.Sleep(time.Hour)
			if err := r.Context().Err(); err != nil {
				t.Errorf("a long answer: %v", err)
			}
			io.WriteString(w, "done")
		})
		io.WriteString(conn, strings.TrimSuffix(slowPost, "a"))
		for range 40 {
			time.Sleep(time.Second)
			if _, err := io.WriteString(conn, strings.Repeat("x", 1024)); err != nil {
				t.Fatal(err)
			}
		}
		answer := make([]byte, 1024)
		if n, err := conn.Read(answer); err != nil || !strings.Contains(string(answer[:n]), "200 OK") {
			t.Errorf("%q, error %v", answer[:n], err)
		}
	})
}
