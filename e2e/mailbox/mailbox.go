package mailbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept: the oldest message goes first.
const (
	messageLimit = 200
	sizeLimit    = 1 << 20 // bytes of one message
	patience     = time.Minute
)

// Mailbox keeps the mail for everybody. The zero value is empty and ready.
type Mailbox struct {
	mu       sync.Mutex
	messages []Message
	arrived  chan struct{} // closed when the next message comes
}

// Open answers on a loopback port until ctx ends.
func (m *Mailbox) Open(ctx context.Context, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("opening the mailbox: %w", err)
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	go func() {
		if err := m.Serve(ctx, listener); err != nil {
			fmt.Fprintln(os.Stderr, "mailbox:", err)
		}
	}()
	return nil
}

// Serve answers connections until the listener is closed or ctx ends.
func (m *Mailbox) Serve(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			m.converse(conn)
		}()
	}
}

// Messages returns what came for the address, the oldest first; for everybody
// when it is "".
func (m *Mailbox) Messages(address string) []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messagesFor(address)
}

func (m *Mailbox) messagesFor(address string) []Message {
	if address == "" {
		return slices.Clone(m.messages)
	}
	var out []Message
	for _, message := range m.messages {
		if slices.ContainsFunc(message.To, func(to string) bool { return strings.EqualFold(to, address) }) {
			out = append(out, message)
		}
	}
	return out
}

// Await returns the newest message for the address as soon as there is one that
// says the words ("" is any), and forgets those for it: the next call waits for
// the next message. It gives up after a minute.
func (m *Mailbox) Await(ctx context.Context, address, words string) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, next := m.take(address, words)
		if found != nil {
			return *found, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("no mail came: %w", ctx.Err())
		}
	}
}

func (m *Mailbox) take(address, words string) (*Message, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range slices.Backward(m.messagesFor(address)) {
		if !strings.Contains(message.Subject+"\n"+message.Text, words) {
			continue
		}
		m.messages = slices.DeleteFunc(m.messages, func(other Message) bool {
			return slices.Equal(other.To, message.To)
		})
		return &message, nil
	}
	if m.arrived == nil {
		m.arrived = make(chan struct{})
	}
	return nil, m.arrived
}

func (m *Mailbox) keep(message Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, message)
	m.messages = m.messages[max(0, len(m.messages)-messageLimit):]
	if m.arrived != nil {
		close(m.arrived)
		m.arrived = nil
	}
}

// ServeHTTP shows the messages as plain text, the newest first.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, message := range slices.Backward(m.Messages("")) {
		fmt.Fprintf(w, "An: %s\nBetreff: %s\n\n%s\n\n----\n\n", strings.Join(message.To, ", "), message.Subject, message.Text)
	}
}
