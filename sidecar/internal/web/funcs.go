package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"time"
)

// funcs are the functions that templates call, bound to one set's texts in
// one language.
type funcs struct {
	pages *Pages
	set   string
	words translator
	parts *template.Template // the layout's, for what a function renders
}

func (f *funcs) table() template.FuncMap {
	return template.FuncMap{
		"t":        f.text,
		"tin":      f.textIn,
		"tlike":    f.textLike,
		"form":     f.form,
		"input":    f.input,
		"radios":   f.radios,
		"options":  options,
		"checkbox": f.checkbox,
		"choice":   f.choice,
		"button":   f.button,
		"jump":     f.jump,
		"lines":    lines,
		"list":     f.list,
		"code":     f.code,
		"qr":       f.qr,
		"script":   f.script,
		"notice":   f.notice,
		"date":     func(at time.Time) string { return f.words.date(at) },
		"asset":    f.pages.assets.url,
	}
}

// text is {{t "key" "Name" value …}} or {{t "key" MAP}}.
func (f *funcs) text(key string, args ...any) (string, error) {
	return say(f.words, key, args)
}

// textIn is {{tin SET KEY "other" "Name" value …}}: a text of another set, and
// where there is none, the core's text other, so that a step's slip keeps
// nobody from an answer.
func (f *funcs) textIn(set, key, other string, args ...any) (string, error) {
	words := f.pages.translator(set, f.words.lang)
	if !words.has(key) {
		f.pages.log().Error("a step asks for a text that is not there", "key", key, "set", set)
		key = other
	}
	return say(words, key, args)
}

// textLike is {{tlike "prefix." NAME "other"}}: the text prefix+NAME, and
// where there is none, prefix+other. For names that stem from elsewhere.
func (f *funcs) textLike(prefix, name, other string) (string, error) {
	if f.words.has(prefix + name) {
		return say(f.words, prefix+name, nil)
	}
	return say(f.words, prefix+other, nil)
}

func say(words translator, key string, args []any) (string, error) {
	named, err := arguments(args)
	if err != nil {
		return "", fmt.Errorf("text %q: %w", key, err)
	}
	s, ok := words.find(key, named)
	if !ok {
		return "", fmt.Errorf("there is no text %q, or not with these placeholders", key)
	}
	return s, nil
}

func arguments(args []any) (map[string]any, error) {
	if len(args) == 1 {
		if m, ok := args[0].(map[string]any); ok {
			return m, nil
		}
	}
	if len(args)%2 != 0 {
		return nil, errors.New("arguments must be pairs of name and value")
	}
	named := make(map[string]any, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return nil, errors.New("the first of a pair must be its name")
		}
		named[name] = args[i+1]
	}
	return named, nil
}

// part renders one of the layout's parts.
func (f *funcs) part(name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := f.parts.ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // html/template has escaped it
}

// form is {{form .}}: the start of the page's form, with its hidden inputs.
// The page writes </form> itself; it
// has one form at most.
func (f *funcs) form(v *view) (template.HTML, error) {
	v.Formed = true
	return f.part("form", v)
}

// control is one input of a form, in words.
type control struct {
	ID, Name, Label, Hint, Problem  string
	Type, Value, Autocomplete       string
	Inputmode, Enterkeyhint, Length string
	Width, Capitalize               string
	Rules                           []string
	Options                         []option
	Checked                         bool
	Reveal                          template.HTML // shows and hides what is typed
}

type option struct{ ID, Value, Label, Hint string }

// input is {{input . "name" "option" value …}}. Its label is the text
// name.label, its hint name.hint where there is one. Options: label, hint
// (keys), type, value, autocomplete, inputmode, enterkeyhint, maxlength,
// width ("2", "4", "10", "12", "20": places the field is wide), capitalize,
// rules (lines: what the input must be like, said before typing), reveal (true:
// what is typed can be shown, with a script of the core). A password is never
// sent back: its value is left empty.
func (f *funcs) input(v *view, name string, args ...any) (template.HTML, error) {
	c, err := f.control(v, name, args)
	if err == nil {
		c.Reveal, err = f.reveal(v, c, args)
	}
	if err != nil {
		return "", err
	}
	return f.part("input", c)
}

func (f *funcs) control(v *view, name string, args []any) (control, error) {
	named, err := arguments(args)
	if err != nil {
		return control{}, fmt.Errorf("input %q: %w", name, err)
	}
	get := func(key, otherwise string) string {
		if s, ok := named[key]; ok {
			return fmt.Sprint(s)
		}
		return otherwise
	}
	c := control{
		ID: "f-" + name, Name: name, Problem: v.Problem(name),
		Type: get("type", "text"), Value: get("value", ""), Autocomplete: get("autocomplete", "off"),
		Inputmode: get("inputmode", ""), Enterkeyhint: get("enterkeyhint", "go"), Length: get("maxlength", ""),
		Width: get("width", ""), Capitalize: get("capitalize", "none"),
	}
	if c.Value = v.typed(name, c.Value); c.Type == "password" {
		c.Value = ""
	}
	c.Rules, _ = named["rules"].([]string)
	if c.Label, err = say(f.words, get("label", name+".label"), nil); err != nil {
		return c, err
	}
	if hint := get("hint", name+".hint"); f.words.has(hint) {
		c.Hint, err = say(f.words, hint, nil)
	}
	return c, err
}

// options is {{options "value" "key" …}}, for radios.
func options(pairs ...string) ([]option, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("options must be pairs of value and key")
	}
	out := make([]option, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, option{Value: pairs[i], Label: pairs[i+1]})
	}
	return out, nil
}

// radios is {{radios . "name" (options …) "value" chosen}}. Label and hint as
// for input; an option KEY has the hint KEY.hint where there is one.
func (f *funcs) radios(v *view, name string, opts []option, args ...any) (template.HTML, error) {
	c, err := f.control(v, name, args)
	if err != nil {
		return "", err
	}
	for i, o := range opts {
		o.ID = c.ID
		if i > 0 { // the summary's link leads to the first
			o.ID = fmt.Sprintf("%s-%d", c.ID, i+1)
		}
		key := o.Label
		if o.Label, err = say(f.words, key, nil); err != nil {
			return "", err
		}
		if f.words.has(key + ".hint") {
			o.Hint, _ = f.words.find(key+".hint", nil)
		}
		c.Options = append(c.Options, o)
	}
	return f.part("radios", c)
}

// checkbox is {{checkbox . "name" "value" "key" checked}}.
func (f *funcs) checkbox(v *view, name, value, key string, checked bool) (template.HTML, error) {
	label, err := say(f.words, key, nil)
	if err != nil {
		return "", err
	}
	checked = v.Checked(name, value, checked)
	return f.part("checkbox", control{ID: "f-" + name + "-" + value, Name: name, Value: value, Label: label, Checked: checked})
}

// choice is {{choice . "name" "value" "key"}}: a large button that answers
// the page's question. KEY.hint, where there is one, says what it means.
func (f *funcs) choice(_ *view, name, value, key string) (template.HTML, error) {
	c := control{Name: name, Value: value}
	var err error
	if c.Label, err = say(f.words, key, nil); err != nil {
		return "", err
	}
	if f.words.has(key + ".hint") {
		c.Hint, err = say(f.words, key+".hint", nil)
	}
	if err != nil {
		return "", err
	}
	return f.part("choice", c)
}

// button is {{button "key"}} or {{button "key" "name" "value"}}: the main
// button of the form.
func (f *funcs) button(key string, nameAndValue ...string) (template.HTML, error) {
	label, err := say(f.words, key, nil)
	if err != nil {
		return "", err
	}
	c := control{Label: label}
	if len(nameAndValue) == 2 {
		c.Name, c.Value = nameAndValue[0], nameAndValue[1]
	}
	return f.part("button", c)
}

// notice is {{notice "info" "text"}}: kinds are info, success, warning. The
// text is already in words.
func (f *funcs) notice(kind, text string) (template.HTML, error) {
	return f.part("notice", struct{ Kind, Text string }{kind, text})
}
