package wire

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// MaxPage is the longest HTML body that is read, in bytes.
const MaxPage = 256 << 10

// Form is a form of a page: where it may go, and the fields it has.
type Form struct {
	id      string
	Actions []string // action and every formaction; "" is the page itself
	Fields  []Param
}

// Page is what a page may send elsewhere.
type Page struct {
	Base    string // of the base element
	Forms   []Form
	Refresh []string // targets of meta refresh
}

// ReadPage finds the forms of an HTML page as a browser pairs them: names of
// elements and attributes in any case, values with any quotes or none,
// controls bound by the form attribute. A form inside a form counts with the
// outer one.
func ReadPage(body []byte) (Page, error) {
	if len(body) > MaxPage {
		return Page{}, ErrTooLong
	}
	r := pageReader{current: -1}
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			r.bind()
			return r.page, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); matters(string(name)) {
				r.start(string(name), attributes(z))
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "form" {
				r.current = -1
			}
		}
	}
}

type pageReader struct {
	page    Page
	current int // index of the open form, -1 outside
	loose   []control
}

// control is a field bound to a form by its id.
type control struct {
	form, action string
	acts         bool
	field        Param
}

// matters says which elements are read at all.
func matters(name string) bool {
	switch name {
	case "base", "meta", "form", "input", "button", "textarea", "select", "output", "object":
		return true
	default:
		return false
	}
}

func (r *pageReader) start(name string, a map[string]string) {
	switch name {
	case "base":
		if r.page.Base == "" {
			r.page.Base = a["href"]
		}
	case "meta":
		if strings.EqualFold(strings.TrimSpace(a["http-equiv"]), "refresh") {
			r.page.Refresh = append(r.page.Refresh, refreshTarget(a["content"]))
		}
	case "form":
		r.form(a)
	default:
		r.control(a)
	}
}

func (r *pageReader) form(a map[string]string) {
	if r.current >= 0 {
		f := &r.page.Forms[r.current]
		f.Actions = append(f.Actions, a["action"])
		return
	}
	r.page.Forms = append(r.page.Forms, Form{id: a["id"], Actions: []string{a["action"]}})
	r.current = len(r.page.Forms) - 1
}

func (r *pageReader) control(a map[string]string) {
	action, acts := a["formaction"]
	c := control{form: a["form"], action: action, acts: acts, field: Param{Name: a["name"], Value: a["value"]}}
	switch {
	case c.form != "":
		r.loose = append(r.loose, c)
	case r.current >= 0:
		r.page.Forms[r.current].take(c)
	}
}

// bind gives the controls with a form attribute to their forms.
func (r *pageReader) bind() {
	for _, c := range r.loose {
		i := slices.IndexFunc(r.page.Forms, func(f Form) bool { return f.id == c.form })
		if i >= 0 {
			r.page.Forms[i].take(c)
		}
	}
}

func (f *Form) take(c control) {
	if c.acts {
		f.Actions = append(f.Actions, c.action)
	}
	if c.field.Name != "" {
		f.Fields = append(f.Fields, c.field)
	}
}

// attributes keeps the first of two attributes of a name, as browsers do.
func attributes(z *html.Tokenizer) map[string]string {
	out := map[string]string{}
	for more := true; more; {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, twice := out[string(key)]; !twice && len(key) > 0 {
			out[string(key)] = string(value)
		}
	}
	return out
}

// refreshTarget cuts the address out of `5; url='…'`.
func refreshTarget(content string) string {
	i := strings.IndexAny(content, ";,")
	if i < 0 {
		return ""
	}
	target := strings.TrimSpace(content[i+1:])
	if len(target) >= 3 && strings.EqualFold(target[:3], "url") {
		if rest := strings.TrimSpace(target[3:]); strings.HasPrefix(rest, "=") {
			target = strings.TrimSpace(rest[1:])
		}
	}
	return strings.Trim(target, `"'`)
}
