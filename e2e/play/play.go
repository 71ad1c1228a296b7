package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// Play is a set stage: Keycloak runs, the WebCenter is open, the binary is
// built. What is missing is Schleuse itself, see Play.Schleuse.
type Play struct {
	Cache    stage.Cache
	Ports    stage.Ports
	Keycloak *stage.Keycloak
	Binary   string // the built schleuse
	Dir      string // folder of this run
	Logs     string // folder that keeps the log of every Schleuse, at debug; "": none is kept
}

// Settings of a play.
type Settings struct {
	Ports    stage.Ports
	Dir      string // folder for binary, configuration and state; must exist
	Progress stage.Progress
	Log      io.Writer       // takes Keycloak's log; may be nil
	Logs     string          // folder that keeps the log of every Schleuse, at debug; may be empty
	Keycloak *stage.Keycloak // one that runs already; nil: start one
	Binary   string          // a schleuse that is built already; "": build one
}

// Set sets the stage. Everything ends with ctx and with this process.
func Set(ctx context.Context, settings Settings) (*Play, error) {
	if taken := settings.Ports.Taken(); len(taken) > 0 && settings.Keycloak == nil {
		return nil, fmt.Errorf("ports %v are taken; end what uses them, or set DEMO_PORT_BASE to another block", taken)
	}
	cache, err := stage.OpenCache(settings.Progress)
	if err != nil {
		return nil, err
	}
	p := &Play{
		Cache: cache, Ports: settings.Ports, Dir: settings.Dir,
		Keycloak: settings.Keycloak, Binary: settings.Binary, Logs: settings.Logs,
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if p.Keycloak != nil {
			return nil
		}
		var err error
		p.Keycloak, err = cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: settings.Ports, Log: settings.Log})
		return err
	})
	group.Go(func() error {
		if p.Binary != "" {
			return nil
		}
		p.Binary = filepath.Join(settings.Dir, "schleuse")
		return Build(groupCtx, settings.Progress, p.Binary)
	})
	if err := group.Wait(); err != nil {
		if p.Keycloak != nil {
			p.Keycloak.Stop()
		}
		return nil, err
	}
	app := p.WebCenter(visitor.New().HTTPClient().Transport, filepath.Join(settings.Dir, JournalFile))
	if err := Serve(ctx, settings.Ports.Upstream(), app); err != nil {
		p.Keycloak.Stop()
		return nil, err
	}
	return p, nil
}

// Noting keeps the address of each request to the handler, a line each, in the
// folder of logs where there is one.
func (p *Play) Noting(handler http.Handler) http.Handler {
	if p.Logs == "" {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := note(filepath.Join(p.Logs, AddressesFile), r.RequestURI); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// AddressesFile is where Noting writes to.
const AddressesFile = "addresses.txt"

func note(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// Close ends Keycloak; the rest ends with the context.
func (p *Play) Close() { p.Keycloak.Stop() }

// Build makes the program of the working tree.
func Build(ctx context.Context, progress stage.Progress, target string) error {
	root, err := stage.Root()
	if err != nil {
		return err
	}
	return progress.During("building schleuse", func() error {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", target, "./sidecar/cmd/schleuse")
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return nil
	})
}

// Serve answers on a loopback port until ctx ends.
func Serve(ctx context.Context, port int, handler http.Handler) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "stage: serving port", port, err)
		}
	}()
	return nil
}
