package charts_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds the wait for a program that starts on a busy machine.
const patience = 2 * time.Minute

// buildah is the tool with a storage of the test's own.
type buildah struct {
	t       *testing.T
	program string
	options []string
}

func newBuildah(t *testing.T) *buildah {
	t.Helper()
	program, err := exec.LookPath("buildah")
	if err != nil {
		t.Fatal("buildah is missing, run: sh e2e/install.sh")
	}
	dir := t.TempDir()
	b := &buildah{t: t, program: program, options: []string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"}}
	return b
}

func (b *buildah) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.program, append(append([]string{}, b.options...), args...)...)
}

func (b *buildah) do(args ...string) string {
	b.t.Helper()
	out, err := b.command(b.t.Context(), args...).Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
			stderr = exit.Stderr
		}
		b.t.Fatalf("buildah %s: %v: %s", args[0], err, stderr)
	}
	return strings.TrimSpace(string(out))
}

// ranAsRoot runs the test for whoever is not root where they are: in a user
// namespace of buildah's. Only root may give files to the image's user and stop
// its process.
func ranAsRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	again := newBuildah(t).command(t.Context(), "unshare", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Stdout, again.Stderr = t.Output(), t.Output()
	if err := again.Run(); err != nil {
		t.Errorf("as root of a user namespace: %v", err)
	}
	return true
}

// TestTheImageRunsWhatTheChartRenders builds the image and runs it with the
// rendered arguments, environment, files and user, until it is ready.
func TestTheImageRunsWhatTheChartRenders(t *testing.T) {
	if ranAsRoot(t) {
		return
	}
	b := newBuildah(t)
	build := exec.CommandContext(t.Context(), "sh", "../sidecar/image/build.sh", "localhost/schleuse-test:1")
	build.Env = append(os.Environ(), "CONTAINER_TOOL="+b.program, "BUILDAH_ARGS="+strings.Join(b.options, " "))
	build.Stderr = t.Output()
	if out, err := build.Output(); err != nil || strings.TrimSpace(string(out)) != "localhost/schleuse-test:1" {
		t.Fatalf("building the image: %v, it says %q", err, out)
	}
	if user := b.do("inspect", "--format", "{{.OCIv1.Config.User}}", "localhost/schleuse-test:1"); user != "65532:65532" {
		t.Errorf("the image's user is %q", user)
	}
	public, internal := freePort(t), freePort(t)
	whole, _, _ := examples(t)
	out, err := render(t, helms()[0], "schleuse", whole, fmt.Sprintf(`
config:
  listen: {address: ":%d"}
  internal: ":%d"
  trusted_proxies: [127.0.0.0/8]
  gate: {keycloak: {url: "https://127.0.0.1:1"}}
`, public, internal))
	if err != nil {
		t.Fatal(err)
	}
	all := objects(t, out)
	container := at(all["Deployment"], "spec", "template", "spec", "containers", 0)
	args := append([]string{"run", "--isolation", "chroot"}, mounts(t, b, all, container)...)
	args = append(args, "--user", text(container, "securityContext", "runAsUser")+":"+text(container, "securityContext", "runAsGroup"))
	for _, e := range list(container, "env") {
		args = append(args, "--env", text(e, "name")+"="+text(e, "value"))
	}
	args = append(args, b.do("from", "--pull=never", "localhost/schleuse-test:1"), "--", "/schleuse")
	for _, a := range list(container, "args") {
		args = append(args, fmt.Sprint(a))
	}
	ended, stop := start(t, b, args)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		awaitOK(t, ended, fmt.Sprintf("http://127.0.0.1:%d%s", internal, text(container, probe, "httpGet", "path")))
	}
	page := fetch(t, public, "login.kasse.example", "/nothing-here")
	if !strings.Contains(page, "Muster-Krankenkasse") {
		t.Errorf("the gate's host answers with\n%s", page)
	}
	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// mounts makes the pod's volumes as the node would, owned by fsGroup.
func mounts(t *testing.T, b *buildah, all map[string]object, container any) []string {
	t.Helper()
	pod := at(all["Deployment"], "spec", "template", "spec")
	files := map[string]map[string]string{"schleuse-config": {}, "schleuse-secret": {"keycloak": "secret\n", "members.csv": members}}
	for name, content := range at(all["ConfigMap"], "data").(map[string]any) {
		files["schleuse-config"][name] = fmt.Sprint(content)
	}
	keys := filepath.Join(t.TempDir(), "keys.json")
	if out, err := exec.CommandContext(t.Context(), program(t), "keys", "init", keys).CombinedOutput(); err != nil {
		t.Fatalf("making keys: %v: %s", err, out)
	}
	raw, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	files["schleuse-secret"]["keys.json"] = string(raw)
	var args []string
	root := filepath.Dir(b.options[1])
	for _, m := range list(container, "volumeMounts") {
		name := text(m, "name")
		dir := filepath.Join(root, name)
		volume(t, dir, files[name])
		option := dir + ":" + text(m, "mountPath")
		if text(m, "readOnly") == "true" {
			option += ":ro"
		}
		args = append(args, "--volume", option)
	}
	if got := text(pod, "securityContext", "fsGroup"); got != "65532" {
		t.Errorf("fsGroup is %q", got)
	}
	return args
}

const members = "kvnr;status;surname;given;birth_name;birth_date;postcode;mail;cards\n" +
	"A123456780;active;Muster;Anna;;1950-03-04;12345;;0042:2020-01-01:active\n"

// volume makes a folder as the kubelet does: group fsGroup, files 0440.
func volume(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o440); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, 0, 65532); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, 0, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o2775|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
}

// start runs the container. ended is closed when it has ended; stop ends it as
// the node would and says whether it went well.
func start(t *testing.T, b *buildah, args []string) (ended <-chan struct{}, stop func() error) {
	t.Helper()
	cmd := b.command(t.Context(), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var result error
	go func() {
		result = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually gone already
		<-done
	})
	return done, func() error {
		pid, err := inside(cmd.Process.Pid)
		if err != nil {
			return err
		}
		if info, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil || info.Sys().(*syscall.Stat_t).Uid != 65532 {
			t.Errorf("the program does not run as 65532: %v", err)
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-done:
			return result
		case <-time.After(patience):
			return fmt.Errorf("still there after %s", patience)
		}
	}
}

// inside returns the program's own process below buildah's, which would not
// pass a signal on. The program runs as nobody else, in buildah's group.
func inside(group int) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, file := range stats {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // gone in the meantime
		}
		var pid, parent, pgrp int
		var name, state string
		if _, err := fmt.Sscan(string(raw), &pid, &name, &state, &parent, &pgrp); err == nil && name == "(schleuse)" && pgrp == group {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process schleuse in group %d", group)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// awaitOK asks until the answer is 200, or the program has ended.
func awaitOK(t *testing.T, ended <-chan struct{}, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last string
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
		} else {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
			last = fmt.Sprintf("%d %s", res.StatusCode, body)
		}
		select {
		case <-ctx.Done():
		case <-ended:
			t.Fatalf("%s: the program ended; last: %s", url, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("%s: not well within %s; last: %s", url, patience, last)
}

func fetch(t *testing.T, port int, host, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Accept", "text/html")
	req.Header.Set("X-Forwarded-Proto", "https")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
