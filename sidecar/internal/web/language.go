package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

const (
	languageCookie = "schleuse-lang"
	// LanguagePath is where SwitchLanguage is to be mounted.
	LanguagePath = "/schleuse/lang"

	maxAcceptLanguage = 512
	maxBack           = 16 << 10
)

// Language returns the language for a request: what the person chose, else
// what the client asked for (`ui_locales`, OpenID Connect Core section
// 3.1.2.1), else what the browser prefers, else the operator's default.
func (p *Pages) Language(r *http.Request) string {
	if c, err := r.Cookie(languageCookie); err == nil && slices.Contains(p.brand.Languages, c.Value) {
		return c.Value
	}
	if strings.Contains(r.URL.RawQuery, "ui_locales=") {
		for _, tag := range strings.Fields(limit(r.URL.Query().Get("ui_locales"))) {
			if l := p.match(tag); l != "" {
				return l
			}
		}
	}
	if l := p.match(limit(r.Header.Get("Accept-Language"))); l != "" {
		return l
	}
	return p.brand.Languages[0]
}

func limit(s string) string { return s[:min(len(s), maxAcceptLanguage)] }

func (p *Pages) match(accept string) string {
	if accept == "" {
		return ""
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return ""
	}
	if _, i, confidence := p.matcher.Match(tags...); confidence > language.Low {
		return p.brand.Languages[i]
	}
	return ""
}

// SwitchLanguage is served at LanguagePath: a POST with `l`, the language,
// and `back`, the page to return to on this host. It is no GET, because the
// page to return to may hold an authorization request, which has no place in
// a second URL.
func (p *Pages) SwitchLanguage() http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4*maxBack)
		p.Speak(w, r, r.PostFormValue("l"))
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", localPath(r.PostFormValue("back")))
		w.WriteHeader(http.StatusSeeOther)
	}))
}

// Speak remembers the language that a person has chosen, and returns the
// request as it comes with that choice. What is none of the operator's languages
// changes nothing.
func (p *Pages) Speak(w http.ResponseWriter, r *http.Request, chosen string) *http.Request {
	if !slices.Contains(p.brand.Languages, chosen) {
		return r
	}
	//nolint:gosec // no secret: Secure would lose the choice where TLS ends elsewhere
	c := &http.Cookie{
		Name: languageCookie, Value: chosen, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int((365 * 24 * time.Hour).Seconds()),
	}
	http.SetCookie(w, c)
	spoken := r.Clone(r.Context())
	spoken.Header.Set("Cookie", languageCookie+"="+chosen+"; "+r.Header.Get("Cookie"))
	return spoken
}

// localPath returns a path with query on this very host, or "/". Browsers
// take "//", "/\" and what hides behind control characters for another host.
func localPath(s string) string {
	if len(s) > maxBack || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || !plain(s) {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return s
}

// plain reports whether s is visible ASCII without a backslash.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' })
}
