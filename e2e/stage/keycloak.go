package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Realm, and the administrator of the stage's Keycloak, who lives in the
// master realm. They guard nothing but loopback ports.
const (
	Realm         = "kasse"
	AdminName     = "admin"
	AdminPassword = "admin"
)

// bootPatience bounds a start; a busy two-core machine needs up to a minute.
const bootPatience = 4 * time.Minute

// KeycloakSpec says how a Keycloak is to run. The zero value of a field that
// is not a port means: no such thing.
type KeycloakSpec struct {
	Ports     Ports
	PublicURL string    // what --hostname gets; empty: the gate's URL of Ports with Path
	Log       io.Writer // where its output goes beside the kept last lines
	Path      string    // relative path such as /auth, for which another build is kept
	Arguments []string  // more arguments for kc.sh start
}

// Keycloak is a running server with the realm of config/realm.
type Keycloak struct {
	URL   string // on loopback, behind the gate, without a relative path
	Admin *Admin

	management string
	process    *Process
	dir        string
}

// StartKeycloak prepares what the cache lacks, starts Keycloak on loopback and
// returns when it is ready. It ends with ctx and with this process.
func (c Cache) StartKeycloak(ctx context.Context, spec KeycloakSpec) (*Keycloak, error) {
	home, err := c.builtKeycloak(ctx, spec.Path)
	if err != nil {
		return nil, err
	}
	snapshot, err := c.snapshot(ctx, home)
	if err != nil {
		return nil, err
	}
	var k *Keycloak
	err = c.Progress.During("starting Keycloak", func() error {
		k, err = c.boot(ctx, home, snapshot, spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := pointClients(ctx, k.Admin, spec.Ports); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

// boot starts a Keycloak in a folder of its own: programs by link, a copy of
// the filled database. An empty snapshot means: import the realm instead.
func (c Cache) boot(ctx context.Context, home, snapshot string, spec KeycloakSpec) (k *Keycloak, err error) {
	dir, err := c.runDir()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if err := furnish(dir, home, snapshot); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(dir, "bin", "kc.sh"), startArguments(spec, snapshot == "")...)
	cmd.Env = append(os.Environ(),
		"KC_BOOTSTRAP_ADMIN_USERNAME="+AdminName, "KC_BOOTSTRAP_ADMIN_PASSWORD="+AdminPassword,
		"JAVA_OPTS_KC_HEAP=-Xms256m -Xmx640m -XX:TieredStopAtLevel=1",
		"JAVA_OPTS_APPEND=-Djdk.net.hosts.file="+filepath.Join(dir, hostsFile))
	process, err := StartProcess(ctx, "Keycloak", cmd, spec.Log)
	if err != nil {
		return nil, err
	}
	k = &Keycloak{
		URL:        spec.Ports.KeycloakURL(),
		management: Loopback(spec.Ports.Management()),
		process:    process,
		dir:        dir,
	}
	k.Admin = &Admin{URL: k.URL + spec.Path, Realm: Realm}
	if err := k.waitReady(ctx); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

func startArguments(spec KeycloakSpec, importRealm bool) []string {
	public := spec.PublicURL
	if public == "" {
		public = spec.Ports.GateURL() + spec.Path
	}
	arguments := []string{
		"start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1",
		fmt.Sprintf("--http-port=%d", spec.Ports.Keycloak()),
		fmt.Sprintf("--http-management-port=%d", spec.Ports.Management()),
		"--http-management-host=127.0.0.1",
		"--hostname=" + public, "--proxy-headers=xforwarded", "--cache=local",
		"--log-level=INFO," + quiet + "UserResource:ERROR," + quiet + "UsersResource:ERROR",
	}
	if importRealm {
		arguments = append(arguments, "--import-realm")
	}
	return append(arguments, spec.Arguments...)
}

// quiet is what Keycloak logs with the user name, so with the number, when the
// Admin API refuses a password by the realm's policy.
const quiet = "org.keycloak.services.resources.admin."

const hostsFile = "hosts"

// stageHosts are the names that the JVM must find on loopback: browsers know
// *.localhost by themselves, Java does not.
const stageHosts = "127.0.0.1 localhost login.localhost webcenter.localhost partner.localhost" +
	" demo.localhost issuer.localhost kundenapp.localhost\n"

// furnish fills the folder of one run. bin/kc.sh is a copy, because Keycloak
// takes the folder above it for its home.
func furnish(dir, home, snapshot string) error {
	theme, err := inRoot("config", "theme", "schleuse")
	if err != nil {
		return err
	}
	links := map[string]string{
		filepath.Join(home, "lib"):       "lib",
		filepath.Join(home, "conf"):      "conf",
		filepath.Join(home, "providers"): "providers",
		theme:                            filepath.Join("themes", "schleuse"),
	}
	for _, sub := range []string{"bin", "themes", filepath.Join("data", "h2"), filepath.Join("data", "import")} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	for target, name := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := copyFile(filepath.Join(home, "bin", "kc.sh"), filepath.Join(dir, "bin", "kc.sh"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, hostsFile), []byte(stageHosts), 0o644); err != nil {
		return err
	}
	if snapshot != "" {
		return copyFile(snapshot, filepath.Join(dir, database), 0o644)
	}
	realm, err := inRoot("config", "realm", "kasse-realm.json")
	if err != nil {
		return err
	}
	return copyFile(realm, filepath.Join(dir, "data", "import", "kasse-realm.json"), 0o644)
}

// database is where Keycloak keeps its file database, below its home.
const database = "data/h2/keycloakdb.mv.db"

// snapshot returns a database that holds the realm already. It is kept by the
// hash of version and realm, so that a changed realm makes a new one.
func (c Cache) snapshot(ctx context.Context, home string) (string, error) {
	file, err := inRoot("config", "realm", "kasse-realm.json")
	if err != nil {
		return "", err
	}
	realm, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	name := "realm-" + shortHash([]byte(KeycloakVersion), realm)
	snapshot := c.path(name + ".mv.db")
	if exists(snapshot) {
		return snapshot, nil
	}
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(snapshot) {
		return snapshot, nil
	}
	return snapshot, c.Progress.During("filling Keycloak's database (once for each realm)", func() error {
		return c.fill(ctx, home, snapshot)
	})
}

func (c Cache) fill(ctx context.Context, home, snapshot string) error {
	ports, err := FreePorts()
	if err != nil {
		return err
	}
	k, err := c.boot(ctx, home, "", KeycloakSpec{Ports: ports})
	if err != nil {
		return err
	}
	defer k.Stop()
	k.process.Stop()
	part := snapshot + ".part"
	if err := copyFile(filepath.Join(k.dir, database), part, 0o644); err != nil {
		return err
	}
	return os.Rename(part, snapshot)
}

// waitReady asks the management port until Keycloak says that it is ready.
func (k *Keycloak) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	return k.process.WaitReady(ctx, k.management+"/health/ready", 100*time.Millisecond)
}

// Done is closed when the server has ended.
func (k *Keycloak) Done() <-chan struct{} { return k.process.Done() }

// Tail returns the last lines of the server's output.
func (k *Keycloak) Tail() string { return k.process.Tail() }

// Stop ends the server and removes its folder, if it was started here.
func (k *Keycloak) Stop() {
	if k.process == nil {
		return
	}
	k.process.Stop()
	os.RemoveAll(k.dir)
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
