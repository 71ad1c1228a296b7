package visitor

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Page is one answer.
type Page struct {
	URL    *url.URL // where it came from
	Status int
	Header http.Header
	Body   []byte
	Next   *url.URL // where Follow stopped before going; nil when the page is at rest
}

// Form is a form of a page with the values that its fields have.
type Form struct {
	ID, Action, Method string // Action is absolute, Method in capitals
	Fields             url.Values
}

// next is where the page sends the browser: a 3xx's Location or a Refresh
// (header or meta) with a URL. A Refresh to the page itself is a waiting page
// and at rest.
func (p *Page) next() (*url.URL, error) {
	target := ""
	if p.Status/100 == 3 {
		target = p.Header.Get("Location")
	} else if _, after, ok := strings.Cut(p.refresh(), "url="); ok {
		target = strings.Trim(after, `'" `)
	}
	if target == "" {
		return nil, nil
	}
	next, err := p.URL.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("following %s: %w", p.URL.Path, err)
	}
	if p.Status/100 != 3 && next.String() == p.URL.String() {
		return nil, nil
	}
	return next, nil
}

func (p *Page) refresh() string {
	if header := p.Header.Get("Refresh"); header != "" {
		return strings.ReplaceAll(header, "URL=", "url=")
	}
	content := ""
	p.walk(func(node *html.Node) {
		if node.Data == "meta" && strings.EqualFold(attribute(node, "http-equiv"), "refresh") {
			content = strings.ReplaceAll(attribute(node, "content"), "URL=", "url=")
		}
	})
	return content
}

// Query returns a parameter of Next, from its query or its fragment.
func (p *Page) Query(name string) string {
	if p.Next == nil {
		return ""
	}
	if value := p.Next.Query().Get(name); value != "" {
		return value
	}
	fragment, err := url.ParseQuery(p.Next.Fragment)
	if err != nil {
		return ""
	}
	return fragment.Get(name)
}

// Title is the text of the first h1, else of the title element.
func (p *Page) Title() string {
	heading, title := "", ""
	p.walk(func(node *html.Node) {
		switch {
		case node.Data == "h1" && heading == "":
			heading = text(node)
		case node.Data == "title" && title == "":
			title = text(node)
		}
	})
	if heading != "" {
		return heading
	}
	return title
}

// Text is what the page says, blanks collapsed, without scripts and styles.
func (p *Page) Text() string {
	root, err := html.Parse(bytes.NewReader(p.Body))
	if err != nil {
		return ""
	}
	return text(root)
}

// Forms returns the page's forms in order.
func (p *Page) Forms() []Form {
	var forms []Form
	p.walk(func(node *html.Node) {
		if node.Data == "form" {
			forms = append(forms, p.form(node))
		}
	})
	return forms
}

// Form returns the form that has a field of this name.
func (p *Page) Form(field string) (Form, error) {
	for _, form := range p.Forms() {
		if _, ok := form.Fields[field]; ok {
			return form, nil
		}
	}
	return Form{}, fmt.Errorf("page %q (%d, %s) has no form with a field %q", p.Title(), p.Status, p.URL.Path, field)
}

// Link returns the absolute target of the first link whose text contains the words.
func (p *Page) Link(words string) (string, error) {
	found := ""
	p.walk(func(node *html.Node) {
		if node.Data != "a" || found != "" || !strings.Contains(text(node), words) {
			return
		}
		if target, err := p.URL.Parse(attribute(node, "href")); err == nil {
			found = target.String()
		}
	})
	if found == "" {
		return "", fmt.Errorf("page %q has no link %q", p.Title(), words)
	}
	return found, nil
}

func (p *Page) form(node *html.Node) Form {
	form := Form{
		ID:     attribute(node, "id"),
		Action: p.URL.String(),
		Method: strings.ToUpper(attribute(node, "method")),
		Fields: url.Values{},
	}
	if form.Method == "" {
		form.Method = http.MethodGet
	}
	if target, err := p.URL.Parse(attribute(node, "action")); err == nil && attribute(node, "action") != "" {
		form.Action = target.String()
	}
	walk(node, func(field *html.Node) {
		name := attribute(field, "name")
		if name == "" {
			return
		}
		switch field.Data {
		case "input":
			kind := attribute(field, "type")
			if kind != "submit" && kind != "button" && (kind != "radio" && kind != "checkbox" || has(field, "checked")) {
				form.Fields.Add(name, attribute(field, "value"))
			}
		case "select", "textarea":
			form.Fields.Add(name, "")
		}
	})
	return form
}

func (p *Page) walk(visit func(*html.Node)) {
	if !strings.Contains(p.Header.Get("Content-Type"), "html") {
		return
	}
	root, err := html.Parse(bytes.NewReader(p.Body))
	if err == nil {
		walk(root, visit)
	}
}

func walk(node *html.Node, visit func(*html.Node)) {
	if node.Type == html.ElementNode {
		visit(node)
	}
	for child := node.FirstChild; child != nil; child = child.NextSibling {
		walk(child, visit)
	}
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(node *html.Node, name string) bool {
	for _, a := range node.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func text(node *html.Node) string {
	var out strings.Builder
	var collect func(*html.Node)
	collect = func(n *html.Node) {
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") {
			return
		}
		if n.Type == html.TextNode {
			out.WriteString(n.Data + " ")
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			collect(child)
		}
	}
	collect(node)
	return strings.Join(strings.Fields(out.String()), " ")
}
