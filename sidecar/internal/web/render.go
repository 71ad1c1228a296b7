package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// contentSecurityPolicy is that of every page: no script (see scriptPolicy for
// the few that bring one), styles, fonts and pictures from this host, forms to this host, no framing.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// secure sets the headers of everything that a person is shown; more is what
// the page's policy allows for beside the common one.
//
// Not among them: Cross-Origin-Opener-Policy, which would cut the opener off
// from clients that sign in in a pop-up window; Strict-Transport-Security,
// which is a matter of the whole host. The Referrer-Policy is same-origin
// rather than no-referrer, under which browsers send `Origin: null` with our
// own forms, so that those without Sec-Fetch-Site could not be told from
// foreign ones.
func secure(h http.Header, more string) {
	h.Set("Content-Security-Policy", contentSecurityPolicy+more)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
}

// Render answers with a page. What goes wrong in rendering becomes the error
// page: nothing has been sent by then.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, pg Page) {
	body, policy, err := p.render(r, pg, "")
	if err != nil {
		p.Error(w, r, fmt.Errorf("rendering page %s of %q: %w", pg.Name, pg.Set, err))
		return
	}
	if pg.Refresh > 0 {
		w.Header().Set("Refresh", refresh(pg))
	}
	secure(w.Header(), policy)
	p.send(w, r, max(pg.Status, http.StatusOK), body)
}

func (p *Pages) send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Language(r))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:gosec // html/template has escaped it
	}
}

// refresh is the header of that name: the HTML standard's section on
// `http-equiv=refresh` says how browsers read it.
func refresh(pg Page) string {
	seconds := max(1, int(pg.Refresh/time.Second))
	if pg.Next == "" {
		return strconv.Itoa(seconds)
	}
	return fmt.Sprintf("%d; url=%s", seconds, onward(pg.Next))
}

// onward returns a path on this host or a web address, else "/".
func onward(next string) string {
	if u, err := url.Parse(next); err == nil && webLink(next) {
		return u.String()
	}
	return localPath(next)
}

// formAction is what the policy adds for a form that goes to another host: the
// origin of an absolute Action.
func formAction(action string) string {
	if u, err := url.Parse(action); err == nil && webLink(action) && !strings.ContainsAny(u.Host, ";, ") {
		return " " + u.Scheme + "://" + u.Host
	}
	return ""
}

// render returns the page, and what its policy allows for.
func (p *Pages) render(r *http.Request, pg Page, reference string) (body []byte, policy string, err error) {
	if err := p.opened(); err != nil {
		return nil, "", err
	}
	lang := p.Language(r)
	page, ok := p.lookup(pg.Set, pg.Name, lang)
	if !ok {
		return nil, "", errors.New("there is no such page")
	}
	words := p.translator(pg.Set, lang)
	v := &view{Page: pg, Brand: &p.brand, Language: lang, Assets: p.assets, Reference: reference}
	now := p.now()
	v.limit(now)
	v.Ends = words.clock(pg.Until, now)
	v.Mistakes = p.mistakes(words, pg.Problems)
	v.Ways = make([]Link, len(pg.Ways))
	for i, l := range pg.Ways {
		if l.Key != "" {
			text, ok := words.find(l.Key, nil)
			if !ok {
				return nil, "", fmt.Errorf("there is no text %q", l.Key)
			}
			l.Text = text
		}
		v.Ways[i] = l
	}
	p.offerSwitch(v, r)
	body, err = compose(page, p.layouts[lang], v)
	return body, formAction(pg.Action) + scriptPolicy(v.scripts), err
}

// compose renders the page's own parts, then the layout around them.
func compose(page, layout *template.Template, v *view) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(16 << 10)
	if err := page.ExecuteTemplate(&b, "title", v); err != nil {
		return nil, err
	}
	v.Title = template.HTML(b.String()) //nolint:gosec // html/template has escaped it
	b.Reset()
	if err := page.ExecuteTemplate(&b, "main", v); err != nil {
		return nil, err
	}
	v.Main = template.HTML(b.String()) //nolint:gosec // html/template has escaped it
	b.Reset()
	err := layout.ExecuteTemplate(&b, "layout.html", v)
	return b.Bytes(), err
}

func (p *Pages) lookup(set, name, lang string) (*template.Template, bool) {
	if t, ok := p.compiled[pageID{set, name, lang}]; ok {
		return t, true
	}
	t, ok := p.compiled[pageID{"", name, lang}]
	return t, ok
}

// mistakes puts problems into words. One without words is still said, in
// general terms: a person must learn that something is to be mended.
func (p *Pages) mistakes(words translator, problems []flow.Problem) []mistake {
	out := make([]mistake, 0, len(problems))
	for _, problem := range problems {
		text, ok := words.find(problem.Key, problem.Args)
		if !ok {
			p.log().Error("a problem has no text", "key", problem.Key, "set", words.own.label())
			text, _ = words.find("problem", nil)
		}
		out = append(out, mistake{Field: problem.Field, Text: text})
	}
	return out
}

func (p *Pages) offerSwitch(v *view, r *http.Request) {
	if v.Fixed {
		return
	}
	names := map[string]string{"de": "Deutsch", "en": "English"}
	for _, l := range p.brand.Languages {
		if l != v.Language {
			v.Switch = append(v.Switch, spoken{Code: l, Name: names[l]})
		}
	}
	if v.Back = v.Page.Back; v.Back == "" {
		v.Back = localPath(r.URL.RequestURI())
	}
}

// Text returns a text of a set (or of the core) in the request's language,
// and "" where there is none or a placeholder is not filled.
func (p *Pages) Text(r *http.Request, set, key string, args map[string]any) string {
	if p.opened() != nil {
		return ""
	}
	s, _ := p.translator(set, p.Language(r)).find(key, args)
	return s
}
