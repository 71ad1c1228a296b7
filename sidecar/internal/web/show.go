package web

import (
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/url"
	"strings"
)

// jump is {{jump URL "key"}}: the page's main way on, as large as a button, to
// an https address of somebody else, who does not learn where from. Plain http
// goes to this very machine only.
func (f *funcs) jump(to any, key string) (template.HTML, error) {
	label, err := say(f.words, key, nil)
	if err != nil {
		return "", err
	}
	href := printed(to)
	if !foreign(href) {
		return "", fmt.Errorf("%q leads to no https URL", key) // which may hold a secret
	}
	return f.part("jump", struct{ Href, Label string }{href, label})
}

func foreign(link string) bool {
	u, err := url.Parse(link)
	if err != nil || !webLink(link) {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u.Scheme == "https" || host == "localhost" || strings.HasSuffix(host, ".localhost") || ip.IsLoopback()
}

// printed is what a template's value says; nothing says nothing.
func printed(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// lines is {{lines TEXT …}}: texts in words, for list and for an input's rules.
func lines(texts ...string) []string { return texts }

// list is {{list (lines …)}}: what is needed, or what comes next.
func (f *funcs) list(texts []string) (template.HTML, error) { return f.part("list", texts) }

const maxCode = 32

// code is {{code VALUE "key"}}: letters and digits to be read and typed
// elsewhere, 1 to 32 bytes, large and in groups; key says what they are.
func (f *funcs) code(value any, key string) (template.HTML, error) {
	label, err := say(f.words, key, nil)
	if err != nil {
		return "", err
	}
	s := printed(value)
	if s == "" || len(s) > maxCode {
		return "", errors.New("a code has 1 to 32 bytes")
	}
	return f.part("code", struct {
		Label  string
		Groups []string
	}{label, groups(s)})
}

// groups cuts a code into groups of four, or of three where only that comes
// out even: people keep no more in mind between reading and typing.
func groups(s string) []string {
	size := 4
	if len(s)%4 != 0 && len(s)%3 == 0 {
		size = 3
	}
	var out []string
	for ; len(s) > size; s = s[size:] {
		out = append(out, s[:size])
	}
	return append(out, s)
}

// reveal is the button that shows what was typed into a password field. It is
// hidden until its script runs: without one it would do nothing.
func (f *funcs) reveal(v *view, c control, args []any) (template.HTML, error) {
	named, err := arguments(args)
	if err != nil || named["reveal"] != true {
		return "", err
	}
	core := &funcs{pages: f.pages, words: f.pages.translator("", f.words.lang), parts: f.parts}
	brought, err := core.script(v, "reveal.js")
	if err != nil {
		return "", err
	}
	button, err := core.part("reveal", c)
	return button + brought, err
}
