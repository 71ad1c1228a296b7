package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/e2e/bench"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// scene is what runs beside Schleuse: the play, one upstream for everybody,
// and the bare proxy twice.
type scene struct {
	*play.Play
	upstream     string
	bare, second child
}

type child struct {
	address string
	pid     int
}

// Ports of the measurement, in the block behind those that Ports names.
const (
	upstreamPort = 14 + iota
	barePort
	secondPort
	gatePort
	gateInternal
)

func measure(ctx context.Context, load bench.Load) error {
	dir, err := os.MkdirTemp("", "schleuse-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := set(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	gate, err := s.gate(ctx)
	if err != nil {
		return err
	}
	site, schleuse, err := s.site(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bench: measuring …")
	costs, err := load.Measure(ctx, s.proxied("bare proxy", s.bare), s.proxied("bare proxy again (control)", s.second), gate, site)
	if err != nil {
		return err
	}
	rows := []bench.Row{{What: "bare httputil.ReverseProxy against itself (control)", Cost: costs[1], Ratio: bench.Compare(costs[1], costs[0])}}
	rows = append(rows,
		bench.Row{What: "gate, pass-through", Cost: costs[2], Ratio: bench.Compare(costs[2], costs[0]), Aim: "≤ 1.3"},
		bench.Row{What: "site, signed in", Cost: costs[3], Ratio: bench.Compare(costs[3], costs[0]), Aim: "≤ 1.25"})
	fmt.Printf("Concurrency %d, 1 KiB answers, %d rounds of %d requests, the subjects taking turns.\n\n%s\n",
		load.Concurrency, load.Rounds, load.Requests, bench.Table(rows))
	return s.restart(ctx, schleuse)
}

func set(ctx context.Context, dir string) (*scene, error) {
	ports, err := stage.FreePorts()
	if err != nil {
		return nil, err
	}
	p, err := play.Set(ctx, play.Settings{Ports: ports, Dir: dir, Progress: stage.Progress{Out: os.Stderr}})
	if err != nil {
		return nil, err
	}
	s := &scene{Play: p}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	start := func(offset int, kind string, rest ...string) (child, error) {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.Gate()+offset))
		process, err := stage.StartProcess(ctx, kind, exec.Command(own, append([]string{kind, address}, rest...)...), os.Stderr)
		if err != nil {
			return child{}, err
		}
		return child{address: address, pid: process.Pid()}, answers(ctx, address)
	}
	up, errUp := start(upstreamPort, "upstream")
	s.upstream = "http://" + up.address
	var errBare, errSecond error
	s.bare, errBare = start(barePort, "bare", s.upstream)
	s.second, errSecond = start(secondPort, "bare", s.upstream)
	return s, errors.Join(errUp, errBare, errSecond)
}

// answers waits until somebody listens.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dialer := net.Dialer{Timeout: time.Second}
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *scene) proxied(name string, c child) bench.Subject {
	return bench.Subject{Name: name, Pid: c.pid, Status: http.StatusOK, Request: func() (*http.Request, error) {
		return http.NewRequest(http.MethodGet, "http://"+c.address+"/resources/1/login/x.css", nil)
	}}
}

// gate starts a Schleuse whose Keycloak is the upstream: what is measured is
// the gate, not Keycloak.
func (s *scene) gate(ctx context.Context) (bench.Subject, error) {
	dir := filepath.Join(s.Dir, "gate")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return bench.Subject{}, err
	}
	port := s.Ports.Gate() + gatePort
	schleuse, err := s.Schleuse(ctx, play.Spec{
		Dir: dir, Port: port, Internal: s.Ports.Gate() + gateInternal, KeycloakURL: s.upstream,
	})
	if err != nil {
		return bench.Subject{}, err
	}
	host := strings.TrimPrefix(s.Ports.GateURL(), "http://")
	return bench.Subject{Name: "gate", Pid: schleuse.Pid(), Status: http.StatusOK, Request: func() (*http.Request, error) {
		request, err := http.NewRequest(http.MethodGet, stage.Loopback(port)+"/resources/1/login/x.css", nil)
		if err == nil {
			request.Host = host
		}
		return request, err
	}}, nil
}

// site starts a Schleuse in front of the real Keycloak with the upstream for a
// WebCenter, and signs Hanna in.
func (s *scene) site(ctx context.Context) (bench.Subject, *play.Schleuse, error) {
	dir := filepath.Join(s.Dir, "site")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return bench.Subject{}, nil, err
	}
	schleuse, err := s.Schleuse(ctx, s.siteSpec(dir))
	if err != nil {
		return bench.Subject{}, nil, err
	}
	v := visitor.New()
	target := s.Ports.SiteURL() + "/postfach/x.css"
	if err := signIn(ctx, v, target); err != nil {
		return bench.Subject{}, nil, err
	}
	var cookies []string
	for _, name := range v.CookieNames(target) {
		value, _ := v.Cookie(target, name)
		cookies = append(cookies, name+"="+value)
	}
	host := strings.TrimPrefix(s.Ports.SiteURL(), "http://")
	return bench.Subject{Name: "site", Pid: schleuse.Pid(), Status: http.StatusOK, Request: func() (*http.Request, error) {
		request, err := http.NewRequest(http.MethodGet, stage.Loopback(s.Ports.Gate())+"/postfach/x.css", nil)
		if err == nil {
			request.Host = host
			request.Header.Set("Cookie", strings.Join(cookies, "; "))
		}
		return request, err
	}}, schleuse, nil
}

func (s *scene) siteSpec(dir string) play.Spec {
	return play.Spec{Dir: dir, Edit: func(configuration []byte) []byte {
		return []byte(strings.ReplaceAll(string(configuration), s.Ports.UpstreamURL(), s.upstream))
	}}
}

// signIn walks the way of a person who has been identified before.
func signIn(ctx context.Context, v *visitor.Visitor, target string) error {
	page, err := v.Open(ctx, target)
	if err != nil {
		return err
	}
	answers := []struct {
		field string
		fill  url.Values
	}{
		{"number", url.Values{"number": {stage.Hanna.Number}}},
		{"schleuse_request", url.Values{"wish": {"sign_in"}}},
		{"password", url.Values{"password": {stage.Hanna.Password}}},
	}
	for _, answer := range answers {
		form, err := page.Form(answer.field)
		if err != nil {
			return err
		}
		if page, err = v.Submit(ctx, form, answer.fill); err != nil {
			return err
		}
	}
	if page.Status != http.StatusOK || page.URL.String() != target {
		return fmt.Errorf("signing in ended at %s with %d: %s", page.URL.Path, page.Status, page.Title())
	}
	return nil
}

// restart measures how long the binary takes to readiness on its database, and
// what it holds when idle.
func (s *scene) restart(ctx context.Context, schleuse *play.Schleuse) error {
	var took []string
	for range 5 {
		schleuse.Stop()
		begun := time.Now()
		var err error
		if schleuse, err = s.Schleuse(ctx, s.siteSpec(filepath.Join(s.Dir, "site"))); err != nil {
			return err
		}
		wall := time.Since(begun)
		ran, err := bench.Ran(schleuse.Pid())
		if err != nil {
			return err
		}
		took = append(took, fmt.Sprintf("%d (%d)", wall.Milliseconds(), ran.Milliseconds()))
	}
	time.Sleep(3 * time.Second) // idle is a time, not an event
	memory, err := bench.MemoryOf(schleuse.Pid())
	if err != nil {
		return err
	}
	const mebibyte = 1 << 20
	_, err = fmt.Printf("Ready on an existing SQLite file after %s ms of wall (and CPU) time; aim ≤ 20 ms.\n"+
		"Idle: %.1f MiB resident, of which %.1f MiB are pages of the program's file; aim ≤ 20 MiB.\n",
		strings.Join(took, ", "), float64(memory.Resident)/mebibyte, float64(memory.File)/mebibyte)
	return err
}
