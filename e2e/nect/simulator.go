package nect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// caseLimit bounds how many cases are kept; the oldest give way.
const caseLimit = 1000

// caseLife is when a case ends that nobody finishes.
const caseLife = 48 * time.Hour

// Settings of a simulator.
type Settings struct {
	Addr    string // where it listens, such as "127.0.0.1:18016"
	URL     string // as browsers see it, without a slash at the end
	APIKey  string // callers must send it as X-Api-Key
	Members string // file of master data (extensions/csv) whose people the app offers; may be empty
	// CallbackKey is sent as X-Api-Key with each callback; may be empty.
	CallbackKey string
	Now         func() time.Time // nil: the machine's clock
	// Moved says where an address is to be found that callbacks go to, such as
	// "login.localhost:18000" → "127.0.0.1:45123"; all other names below
	// localhost are at this machine.
	Moved map[string]string
}

// Simulator is a running service.
type Simulator struct {
	settings Settings
	people   []Person
	client   *http.Client
	ctx      context.Context // of callbacks that are under way

	mu       sync.Mutex
	cases    map[string]*Case
	order    []string
	switches Switches
}

// Case is one identification.
type Case struct {
	ID          string    `json:"caseId"`
	Level       string    `json:"level"`
	Language    string    `json:"language"`
	RedirectURL string    `json:"redirectUrl"`
	CallbackURL string    `json:"callbackUrl"`
	Opened      time.Time `json:"opened"`
	Started     bool      `json:"started"`
	Outcome     Outcome   `json:"outcome"`
	Decided     time.Time `json:"decided"` // when the person was done; zero: not yet
	Asked       int       `json:"asked"`   // how often its result was asked for
}

// Start serves until ctx ends.
func Start(ctx context.Context, settings Settings) (*Simulator, error) {
	if settings.Now == nil {
		settings.Now = time.Now
	}
	s := &Simulator{settings: settings, cases: map[string]*Case{}, ctx: ctx, client: &http.Client{Timeout: 5 * time.Second, Transport: loopback(settings.Moved)}}
	if settings.Members != "" {
		people, err := readPeople(settings.Members)
		if err != nil {
			return nil, err
		}
		s.people = people
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.Addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "nect:", err)
		}
	}()
	return s, nil
}

// loopback dials this machine for every name below localhost (RFC 6761 section 6.3).
func loopback(moved map[string]string) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if to, ok := moved[address]; ok {
			address = to
		} else if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return t
}

func (s *Simulator) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cases", s.failing(s.open))
	mux.HandleFunc("GET /cases/{id}", s.failing(s.result))
	mux.HandleFunc("GET /app/{id}", s.app)
	mux.HandleFunc("POST /app/{id}", s.decide)
	mux.HandleFunc("GET /{$}", s.admin)
	mux.HandleFunc("POST /admin", s.switchByForm)
	mux.HandleFunc("GET /admin/switches", s.showSwitches)
	mux.HandleFunc("PUT /admin/switches", s.putSwitches)
	mux.HandleFunc("GET /admin/cases", s.showCases)
	mux.HandleFunc("POST /admin/cases/{id}", s.endReview)
	return mux
}

// keep stores a new case.
func (s *Simulator) keep(c Case) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ID, c.Opened = uuid.NewString(), s.settings.Now()
	s.cases[c.ID] = &c
	s.order = append(s.order, c.ID)
	if len(s.order) > caseLimit {
		delete(s.cases, s.order[0])
		s.order = s.order[1:]
	}
	return c.ID
}

// change changes a case, and returns it.
func (s *Simulator) change(id string, fn func(*Case)) (Case, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cases[id]
	if !ok {
		return Case{}, false
	}
	fn(c)
	return *c, true
}

// Cases returns all cases, the newest last.
func (s *Simulator) Cases() []Case {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Case, 0, len(s.order))
	for _, id := range slices.Clone(s.order) {
		out = append(out, *s.cases[id])
	}
	return out
}
