package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Unmarshaler is implemented by types that read a place themselves.
type Unmarshaler interface {
	// UnmarshalNode reads the place. Its error is Problems, made with the
	// place's Problem, or an error that is put at the place.
	UnmarshalNode(n Node) error
}

// Defaulter is implemented by types that have defaults where the document
// brings them into being: behind a pointer, in a map or in a slice.
type Defaulter interface {
	SetDefaults()
}

// Decode reads the place into what into points at, which keeps its values
// where the document says nothing. Struct fields are named by their `yaml`
// tag; a field without one is not read. Unknown and double keys, null, and
// values of another type are mistakes; all are reported at once, as Problems.
//
// Beside structs, maps with text keys, slices and scalars it knows
// time.Duration (see ParseDuration), Node (the place itself, unread),
// encoding.TextUnmarshaler and Unmarshaler. A pointer is set only where the
// document has the key.
func (n Node) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("decoding into %T: not a pointer", into)
	}
	if !n.Present() {
		return nil
	}
	var d decoder
	d.decode(n, v.Elem())
	return d.problems.Err()
}

type decoder struct{ problems Problems }

func (d *decoder) add(n Node, message, hint string) {
	d.problems = append(d.problems, n.Problem(message, hint))
}

func (d *decoder) decode(n Node, v reflect.Value) {
	switch n.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.add(n, "anchors, aliases, tags and merge keys are not read", "write the value out")
		return
	}
	if d.special(n, v) {
		return
	}
	if _, null := n.node.(*ast.NullNode); null {
		d.add(n, "no value", "give one, or remove the key to get the default")
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(fresh(v.Type().Elem()).Addr())
		}
		d.decode(n, v.Elem())
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.sequence(n, v)
	default:
		d.scalar(n, v)
	}
}

// special reads the types that are not read by their kind.
func (d *decoder) special(n Node, v reflect.Value) bool {
	switch target := v.Addr().Interface().(type) {
	case *Node:
		*target = n
	case Unmarshaler:
		d.report(n, target.UnmarshalNode(n))
	case *time.Duration:
		text, ok := d.text(n)
		if !ok {
			return true
		}
		duration, err := ParseDuration(text)
		if err != nil {
			d.add(n, err.Error(), "write it as 60d, 24h, 30m or 90s")
		}
		*target = duration
	case encoding.TextUnmarshaler:
		if text, ok := d.text(n); ok {
			d.report(n, target.UnmarshalText([]byte(text)))
		}
	default:
		return false
	}
	return true
}

// report adds an error of a type's own reading.
func (d *decoder) report(n Node, err error) {
	if err == nil {
		return
	}
	if ps, ok := err.(Problems); ok { //nolint:errorlint // Unmarshaler's contract: Problems as they are
		d.problems = append(d.problems, ps...)
		return
	}
	d.add(n, err.Error(), "")
}

// entries returns the values of a mapping and reports what is wrong with its keys.
func (d *decoder) entries(n Node) ([]Node, bool) {
	switch n.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		d.add(n, "want keys with values below it", "")
		return nil, false
	}
	seen := map[string]int{}
	var out []Node
	for _, c := range n.children() {
		if c.key == "<<" {
			d.key(c, "anchors, aliases, tags and merge keys are not read", "write the value out")
			continue
		}
		if line, double := seen[c.key]; double {
			d.key(c, fmt.Sprintf("double key, first on line %d", line), "remove one of them")
			continue
		}
		seen[c.key] = c.line
		out = append(out, c)
	}
	return out, true
}

func (d *decoder) structure(n Node, v reflect.Value) {
	entries, ok := d.entries(n)
	if !ok {
		return
	}
	fields := Fields(v.Type())
	for _, e := range entries {
		field, known := fields[e.key]
		if !known {
			d.unknown(e, fields)
			continue
		}
		d.decode(e, v.FieldByIndex(field.Index))
	}
}

// unknown reports a key that is not known. Its value is not shown: whoever
// misspells a key may have misspelt that of a secret.
func (d *decoder) unknown(e Node, fields map[string]reflect.StructField) {
	_, fileKey := fields[e.key+"_file"]
	switch near := Nearest(e.key, keys(fields)); {
	case fileKey:
		d.key(e, "a secret does not stand in the configuration", "put it into a file and name that with "+e.key+"_file")
	case near != "":
		d.key(e, "unknown key", fmt.Sprintf("did you mean %q?", near))
	default:
		d.key(e, "unknown key", "known here: "+strings.Join(keys(fields), ", "))
	}
}

// key reports a mistake of the key, without its value.
func (d *decoder) key(e Node, message, hint string) {
	p := e.Problem(message, hint)
	p.Excerpt = e.key + ": …"
	d.problems = append(d.problems, p)
}

func (d *decoder) mapping(n Node, v reflect.Value) {
	if v.Type().Key().Kind() != reflect.String {
		d.add(n, "cannot be read into "+v.Type().String(), "")
		return
	}
	entries, ok := d.entries(n)
	if !ok {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, e := range entries {
		value := fresh(v.Type().Elem())
		d.decode(e, value)
		out.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	v.Set(out)
}

func (d *decoder) sequence(n Node, v reflect.Value) {
	if _, ok := n.node.(*ast.SequenceNode); !ok {
		d.add(n, "want a list", "write [a, b], or - a on a line of its own")
		return
	}
	children := n.children()
	out := reflect.MakeSlice(v.Type(), len(children), len(children))
	for i, c := range children {
		out.Index(i).Set(fresh(v.Type().Elem()))
		d.decode(c, out.Index(i))
	}
	v.Set(out)
}

// fresh returns a new value with its defaults.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(Defaulter); ok {
		d.SetDefaults()
	}
	return v.Elem()
}

func (d *decoder) scalar(n Node, v reflect.Value) {
	text, ok := d.text(n)
	if !ok {
		return
	}
	bad := func(want string) { d.add(n, "want "+want, "") }
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if _, isBool := n.node.(*ast.BoolNode); !isBool {
			bad("true or false")
			return
		}
		v.SetBool(strings.EqualFold(text, "true"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			bad("a whole number")
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			bad("a whole number, not below 0")
			return
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			bad("a number")
			return
		}
		v.SetFloat(f)
	default:
		bad("another kind of value: " + v.Type().String() + " cannot be read")
	}
}

// text returns a scalar as it is written, without quotes.
func (d *decoder) text(n Node) (string, bool) {
	switch node := n.node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	case *ast.NullNode:
		d.add(n, "no value", "give one, or remove the key to get the default")
	default:
		d.add(n, "want a single value", "")
	}
	return "", false
}
