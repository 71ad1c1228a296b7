package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// AssetsPath is where Assets is to be mounted.
const AssetsPath = "/schleuse/assets/"

// asset is one file under the name of its content.
type asset struct {
	kind  string
	plain []byte
	small func() []byte // compressed at the first request that wants it
}

type assets struct {
	urls   map[string]string // name → URL
	files  map[string]asset  // last part of the URL → file
	styles []string          // URLs of the style sheets, in their order
}

// openAssets names every asset after its content. The style sheet refers to
// the fonts by name; the names are filled in.
func openAssets(files fs.FS, b Brand) (*assets, error) {
	a := &assets{urls: map[string]string{}, files: map[string]asset{}}
	for _, f := range []string{
		"assets/fira-sans/fira-sans-latin-400-normal.woff2", "assets/fira-sans/fira-sans-latin-600-normal.woff2",
		"assets/kern/kern.min.css", "assets/schleuse.css",
	} {
		raw, err := fs.ReadFile(files, f)
		if err != nil {
			return nil, fmt.Errorf("reading asset: %w", err)
		}
		if f == "assets/schleuse.css" {
			raw = a.refer(raw)
		}
		a.urls[path.Base(f)] = a.add(path.Base(f), raw)
	}
	a.styles = []string{a.urls["kern.min.css"], a.urls["schleuse.css"]}
	if len(b.CSS) > 0 {
		a.styles = append(a.styles, a.add("brand.css", b.CSS))
	}
	if len(b.Logo) > 0 {
		a.urls["logo"] = a.add("logo."+b.logoType(), b.Logo)
	}
	return a, nil
}

// refer fills in the URLs that a style sheet refers to by name.
func (a *assets) refer(css []byte) []byte {
	pairs := make([]string, 0, 2*len(a.urls))
	for name, url := range a.urls {
		pairs = append(pairs, "asset:"+name, url)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(css)))
}

// add takes a file in and returns its URL.
func (a *assets) add(name string, raw []byte) string {
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	f := asset{kind: kindOf(ext), plain: raw}
	if ext == ".css" || ext == ".svg" || ext == ".js" {
		f.small = sync.OnceValue(func() []byte { return compress(raw) })
	}
	a.files[hashed] = f
	return AssetsPath + hashed
}

func kindOf(ext string) string {
	return map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2",
	}[ext]
}

func compress(raw []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	z.Write(raw) //nolint:errcheck // a bytes.Buffer takes everything
	z.Close()    //nolint:errcheck // likewise
	return b.Bytes()
}

// url returns the URL of an asset by its plain name, or "".
func (a *assets) url(name string) string { return a.urls[name] }

// Styles returns the URLs of the style sheets in their order.
func (a *assets) Styles() []string { return a.styles }

// Logo returns the URL of the operator's logo, or "".
func (a *assets) Logo() string { return a.urls["logo"] }

// Assets serves style sheets, fonts, scripts and the logo below AssetsPath (which is
// not stripped). Their names change with their content: they never expire.
func (p *Pages) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := p.asset(strings.TrimPrefix(r.URL.Path, AssetsPath))
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			w.Header().Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// An operator's SVG is a document of its own when it is opened alone.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		body := f.plain
		if f.small != nil {
			h.Set("Vary", "Accept-Encoding")
			if acceptsGzip(r) {
				body = f.small()
				h.Set("Content-Encoding", "gzip")
			}
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	})
}

func (p *Pages) asset(name string) (asset, bool) {
	if p.opened() != nil {
		return asset{}, false
	}
	f, ok := p.assets.files[name]
	return f, ok
}

// acceptsGzip reads Accept-Encoding as far as browsers write it; who forbids
// gzip by a weight of zero gets the plain file.
func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" {
			return strings.TrimRight(strings.TrimSpace(weight), "0.") != "q="
		}
	}
	return false
}
