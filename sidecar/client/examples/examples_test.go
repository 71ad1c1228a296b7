package examples_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals/approvalstest"
)

// world is a running API whose clock is the machine's, as the backends' is,
// behind a line that may edit what passes.
type world struct {
	*approvalstest.World
	t      *testing.T
	edit   atomic.Pointer[func(path string, body []byte) []byte]
	secret string
}

func newWorld(t *testing.T) *world {
	w := &world{World: approvalstest.New(t), t: t}
	w.Pass(time.Since(w.Clock()))
	w.Phone = devicetest.NewPhone()
	w.Phones.Put(w.Phone.Device(approvaltest.Erika, approvaltest.Number, time.Now().Add(-48*time.Hour)))
	go w.Watch.Run(t.Context())
	to, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	line := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
			r.Out.Host = to.Host
		},
		ModifyResponse: func(resp *http.Response) error {
			edit := w.edit.Load()
			if edit == nil {
				return nil
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			body = (*edit)(resp.Request.URL.Path, body)
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
			resp.Header.Del("Content-Length")
			return nil
		},
	}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	w.URL = server.URL + approvals.Prefix
	w.ReceiptIssuer = w.URL
	w.secret = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(w.secret, []byte(approvalstest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// answer is what the person does on the phone.
type answer func(w *world, id approval.ID)

func yes(w *world, id approval.ID) {
	a, err := w.Store.Get(w.t.Context(), id)
	if err == nil {
		_, err = w.Confirm(w.t.Context(), a)
	}
	if err != nil {
		w.t.Error(err)
	}
}

func no(w *world, id approval.ID) {
	shown, err := w.Open(w.t.Context(), w.Phone.ID, id)
	if err == nil {
		_, err = w.Answer(w.t.Context(), w.Phone.ID, id, approvaltest.No(w.Phone, shown, ""), approvaltest.Typed(""))
	}
	if err != nil {
		w.t.Error(err)
	}
}

// run runs a backend; the person answers as soon as the code is shown.
func (w *world) run(program []string, kvnr string, person answer) (said string, ok bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program[0], append(program[1:], kvnr, "Am Siel 2", `Am "Deich" 1`)...)
	c.Env = append(os.Environ(), "SCHLEUSE_URL="+w.URL, "TOKEN_URL="+w.TokenURL, "CLIENT_ID="+approvaltest.Backend, "CLIENT_SECRET_FILE="+w.secret)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if code, shown := strings.CutPrefix(lines.Text(), "code for the person: "); shown {
			w.answered(code, person)
			continue
		}
		all.WriteString(lines.Text() + "\n")
	}
	return all.String(), c.Wait() == nil
}

func (w *world) answered(code string, person answer) {
	w.t.Helper()
	open, err := w.Store.List(w.t.Context(), approval.Query{States: []approval.State{approval.Pending}})
	if err != nil || len(open) != 1 || open[0].MatchCode != code {
		w.t.Fatalf("code %q, pending %+v, %v", code, open, err)
	}
	person(w, open[0].ID)
}

// backends builds what is to be built, and names the commands.
func backends(t *testing.T) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	for _, build := range [][]string{{"go", "build", "-o", filepath.Join(dir, "backend"), "./go"}, {"javac", "-Xlint:all", "-Werror", "-d", dir, "java/Confirm.java"}} {
		if out, err := exec.CommandContext(t.Context(), build[0], build[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build[0], err, out)
		}
	}
	return map[string][]string{
		"curl": {"sh", "curl/confirm.sh"}, "go": {filepath.Join(dir, "backend")}, "java": {"java", "-cp", dir, "Confirm"},
	}
}

const executed = `executed: {"neu":"Am \"Deich\" 1"}` + "\n"

func TestBackends(t *testing.T) {
	programs := backends(t)
	for name, program := range programs {
		t.Run(name+" executes what was confirmed alone", func(t *testing.T) {
			w := newWorld(t)
			if said, ok := w.run(program, approvaltest.Number, yes); !ok || said != executed {
				t.Errorf("confirmed: %q", said)
			}
			if said, ok := w.run(program, approvaltest.Number, no); ok || said != "not executed: denied\n" {
				t.Errorf("denied: %q", said)
			}
			if said, ok := w.run(program, "B123456782", nil); ok || !strings.HasPrefix(said, "not executed: ") {
				t.Errorf("unknown person: %q", said)
			}
		})
		for what, change := range receipts() {
			t.Run(name+" believes no receipt "+what, func(t *testing.T) {
				w := newWorld(t)
				change(w, program)
				if said, ok := w.run(program, approvaltest.Number, yes); ok || !strings.HasPrefix(said, "not executed: ") {
					t.Errorf("%q", said)
				}
			})
		}
	}
}

// receipts make that the next receipt is another one than is expected.
func receipts() map[string]func(w *world, program []string) {
	return map[string]func(*world, []string){
		"of another key": func(w *world, _ []string) {
			w.Receipts.Signing = approvaltest.KeysOf("receipt-1", devicetest.NewKey()).Signing
		},
		"of another issuer": func(w *world, _ []string) { w.ReceiptIssuer = "https://elsewhere.example" },
		"of another time": func(w *world, program []string) {
			var first atomic.Pointer[[]byte]
			edit := func(path string, body []byte) []byte {
				if strings.HasSuffix(path, "/redeem") && !first.CompareAndSwap(nil, &body) {
					return *first.Load()
				}
				return body
			}
			w.edit.Store(&edit)
			if said, ok := w.run(program, approvaltest.Number, yes); !ok || said != executed {
				w.t.Fatalf("the first time: %q", said)
			}
		},
	}
}
