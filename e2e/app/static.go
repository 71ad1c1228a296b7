package app

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

//go:embed www/*.html www/*.css www/*.js www/*.webmanifest www/icons www/protocol/*.js www/app
var www embed.FS

// shell is what the service worker keeps: all files of one version.
type shell struct {
	Version string   `json:"version"`
	Files   []string `json:"files"`
}

// newShell names every file, and its version by the bytes of all of them and of
// the configuration, which is kept with them.
func newShell(files fs.FS, config []byte) (shell, error) {
	s, sum := shell{Files: []string{"/", "/config.json"}}, sha256.New()
	fmt.Fprintf(sum, "config %d\n", len(config))
	sum.Write(config)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(content))
		sum.Write(content)
		if path != workerFile && path != indexFile {
			s.Files = append(s.Files, "/"+path)
		}
		return nil
	})
	s.Version = hex.EncodeToString(sum.Sum(nil)[:8])
	return s, err
}

// Files that are not served like the others.
const (
	indexFile  = "index.html"
	workerFile = "worker.js"
)

// static serves the app's own files.
func (b *backend) static(mux *http.ServeMux) error {
	files, err := fs.Sub(www, "www")
	if err != nil {
		return err
	}
	config, err := json.Marshal(b.told())
	if err != nil {
		return err
	}
	kept, err := newShell(files, config)
	if err != nil {
		return err
	}
	list, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /config.json", answerWith("application/json", config))
	// A new version of any file must change a byte that the browser compares.
	mux.HandleFunc("GET /shell.js", answerWith("text/javascript; charset=utf-8", append([]byte("self.shell = "), append(list, ";\n"...)...)))
	return nil
}

// told is what the app is told of its surroundings.
func (b *backend) told() map[string]string {
	return map[string]string{
		"issuer": b.Issuer, "base": b.Base, "client": Client, "origin": b.URL, "devices": b.Devices,
	}
}

func answerWith(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	}
}

// guarded sets what every answer says: nothing runs but the app's own modules,
// nothing is called but its backend and the gate, and nobody may frame it, lest
// a foreign page guides a person's finger.
func (b *backend) guarded(next http.Handler) (http.Handler, error) {
	gate, err := url.Parse(b.Base)
	if err != nil {
		return nil, err
	}
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "manifest-src 'self'", "worker-src 'self'",
		"connect-src 'self' " + gate.Scheme + "://" + gate.Host, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		if r.URL.Path != "/"+workerFile { // which imports the list of files
			h.Set("Content-Security-Policy", policy+"; trusted-types kundenapp; require-trusted-types-for 'script'")
		}
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	}), nil
}
