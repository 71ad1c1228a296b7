package web

import (
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"
)

// maxScript is how many bytes one script may have. A page must work without
// it, so there is little for it to do.
const maxScript = 32 << 10

// scriptPolicy is what the policy of a page with scripts adds: these very files
// run, by their hashes (CSP Level 3 section 6.7.1.1; a browser that knows
// hashes of inline scripts alone runs none), load nothing, and make no markup
// out of text (Trusted Types, where the browser knows them).
func scriptPolicy(hashes []string) string {
	if len(hashes) == 0 {
		return ""
	}
	return "; script-src '" + strings.Join(hashes, "' '") + "'; trusted-types 'none'; require-trusted-types-for 'script'"
}

// script is a file that a page may bring, under its asset's URL.
type script struct{ URL, Integrity string }

type scriptID struct{ set, name string }

// openScripts takes the NAME.js files that lie beside a set's pages.
func (p *Pages) openScripts(set string, pages fs.FS) error {
	names, err := fs.Glob(pages, "*.js")
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range names {
		raw, err := fs.ReadFile(pages, n)
		if err == nil && len(raw) > maxScript {
			err = fmt.Errorf("it has more than %d bytes", maxScript)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("script %s of %s: %w", n, p.catalogues[set].label(), err))
			continue
		}
		sum := sha512.Sum384(raw)
		p.scripts[scriptID{set, n}] = script{
			URL: p.assets.add(n, raw), Integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
	}
	return errors.Join(errs...)
}

// script is {{script . "name.js"}}: the page brings that script of its set,
// run after the page was read, and its policy allows for it. What the script
// shows it takes from the page (`hidden` elements, `data-` attributes), so
// that all texts stand in the catalogue.
func (f *funcs) script(v *view, name string) (template.HTML, error) {
	s, ok := f.pages.scripts[scriptID{f.set, name}]
	if !ok {
		return "", fmt.Errorf("there is no script %q", name)
	}
	if slices.Contains(v.scripts, s.Integrity) {
		return "", nil // it is there already
	}
	v.scripts = append(v.scripts, s.Integrity)
	return f.part("script", s)
}
