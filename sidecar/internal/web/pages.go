package web

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // dates are shown in the operator's zone, whatever the image holds

	"golang.org/x/text/language"
)

//go:embed layout pages messages assets
var files embed.FS

// Zone is where the operator and its people live.
const Zone = "Europe/Berlin"

// Set is the pages and texts of one extension.
type Set struct {
	// Pages holds NAME.html, which define "title" and "main"; _NAME.html, parts
	// that all of them may use; NAME.js, scripts that a page brings by
	// {{script . "NAME.js"}} and must work without.
	Pages    fs.FS
	Messages fs.FS // de.json and en.json
}

// Pages renders pages. It is made by New and safe for concurrent use. Pages and
// texts are read once: by Check, or for the first request that needs one.
type Pages struct {
	// Log gets every failure that a person was shown, with its reference.
	// It may be set before the first request; nil means slog.Default.
	Log *slog.Logger
	// Now is the clock by which a page says how long it is good; nil means
	// time.Now.
	Now func() time.Time

	brand   Brand
	matcher language.Matcher
	sets    map[string]Set
	opened  func() error // once

	core       *catalogue
	catalogues map[string]*catalogue
	zone       *time.Location
	layouts    map[string]*template.Template // by language
	compiled   map[pageID]*template.Template
	assets     *assets
	scripts    map[scriptID]script
}

type pageID struct{ set, name, lang string }

// New takes the sets, which are named after the extensions, and returns what is
// wrong with the brand. What is wrong with pages and texts Check returns: a
// program is ready sooner that reads them beside its other work.
func New(b Brand, sets map[string]Set) (*Pages, error) {
	if err := b.complete(); err != nil {
		return nil, err
	}
	p := &Pages{
		brand: b, sets: sets, catalogues: map[string]*catalogue{},
		compiled: map[pageID]*template.Template{}, scripts: map[scriptID]script{},
	}
	tags := make([]language.Tag, 0, len(b.Languages))
	for _, l := range b.Languages {
		tags = append(tags, language.Make(l))
	}
	p.matcher = language.NewMatcher(tags)
	p.opened = sync.OnceValue(p.open)
	return p, nil
}

// Check reads all pages of the core and of the sets, and returns everything
// that is wrong with them: a catalogue whose languages differ, a text that a
// page asks for and nobody has, a placeholder that is not filled, a page that
// html/template does not take. What is wrong at the first stays wrong: then no
// page is shown.
func (p *Pages) Check() error { return p.opened() }

func (p *Pages) open() (err error) {
	if p.zone, err = time.LoadLocation(Zone); err != nil {
		return fmt.Errorf("loading zone: %w", err)
	}
	if p.assets, err = openAssets(files, p.brand); err != nil {
		return err
	}
	messages, err := fs.Sub(files, "messages")
	if err != nil {
		return err
	}
	if p.core, err = openCatalogue("", messages); err != nil {
		return err
	}
	p.catalogues[""] = p.core
	if err := p.openScripts("", mustSub("pages")); err != nil {
		return err
	}
	if err := p.openLayouts(); err != nil {
		return err
	}
	errs := []error{p.compileSet("", mustSub("pages"))}
	for _, name := range slices.Sorted(maps.Keys(p.sets)) {
		set := p.sets[name]
		if set.Messages == nil {
			p.catalogues[name] = p.core
		} else if p.catalogues[name], err = openCatalogue(name, set.Messages); err != nil {
			errs = append(errs, err)
			continue
		}
		if set.Pages != nil {
			errs = append(errs, p.openScripts(name, set.Pages), p.compileSet(name, set.Pages))
		}
	}
	return errors.Join(errs...)
}

func mustSub(dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only for a name that is no path; the names are constants
	}
	return sub
}

func (p *Pages) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// translator returns the texts of a set; an unknown set has the core's.
func (p *Pages) translator(set, lang string) translator {
	own, ok := p.catalogues[set]
	if !ok {
		own = p.core
	}
	return translator{lang: lang, own: own, core: p.core, zone: p.zone}
}

// compileSet compiles each page of a set in each language.
func (p *Pages) compileSet(set string, pages fs.FS) error {
	names, err := fs.Glob(pages, "*.html")
	if err != nil {
		return err
	}
	var parts, own []string
	for _, n := range names {
		if strings.HasPrefix(path.Base(n), "_") {
			parts = append(parts, n)
		} else {
			own = append(own, n)
		}
	}
	var errs []error
	for _, lang := range p.brand.Languages {
		f := &funcs{pages: p, set: set, words: p.translator(set, lang), parts: p.layouts[lang]}
		for _, n := range own {
			name := strings.TrimSuffix(n, ".html")
			page, err := template.New(name).Funcs(f.table()).ParseFS(pages, append([]string{n}, parts...)...)
			if err == nil {
				err = f.check(page)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("page %s of %s: %w", name, p.catalogues[set].label(), err))
				continue
			}
			p.compiled[pageID{set, name, lang}] = page
		}
	}
	return errors.Join(errs...)
}

// openLayouts compiles what stands around every page.
func (p *Pages) openLayouts() error {
	p.layouts = map[string]*template.Template{}
	for _, lang := range p.brand.Languages {
		f := &funcs{pages: p, words: p.translator("", lang)}
		layout, err := template.New("layout.html").Funcs(f.table()).ParseFS(files, "layout/*.html")
		if err == nil {
			err = f.checkKeys(layout)
		}
		if err != nil {
			return fmt.Errorf("layout: %w", err)
		}
		p.layouts[lang], f.parts = layout, layout
	}
	return nil
}

// check finds what would otherwise be seen by a person first.
func (f *funcs) check(page *template.Template) error {
	for _, needed := range []string{"title", "main"} {
		if page.Lookup(needed) == nil {
			return fmt.Errorf("%q is not defined", needed)
		}
		// Executing escapes the template for good. What goes wrong for want of
		// data is no defect of the page; what html/template refuses is.
		err := page.ExecuteTemplate(io.Discard, needed, &view{Brand: &f.pages.brand})
		var refused *template.Error
		if errors.As(err, &refused) && refused.ErrorCode != template.OK {
			return err
		}
	}
	return f.checkKeys(page)
}
