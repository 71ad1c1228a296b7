package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
)

// Key is one key of the configuration.
type Key struct {
	Name    string
	Kind    Kind
	Must    bool   // has no default and cannot be left out
	Default string // as it would be written; empty when there is none
	Meaning string // its comment
	Below   []Key  // keys of an object, or of each object in a map
}

// Kind is what a value looks like.
type Kind struct {
	Name string // string, bool, duration, url, date, mode, risk, cidr, step, settings, object
	List bool   // a list of it
	Map  bool   // a map of it by a name of the operator's
}

// Keys returns the keys of the whole file. source is the folder of the package
// config, for its comments.
func Keys(source string) ([]Key, error) {
	comments, err := readComments(source)
	if err != nil {
		return nil, err
	}
	return comments.keys(reflect.ValueOf(config.Default())), nil
}

// comments holds what is said of a field, by Struct.Field.
type comments map[string]string

func readComments(source string) (comments, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), source+"/config.go", nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading the comments: %w", err)
	}
	out := comments{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					out[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
		}
		return false
	})
	return out, nil
}

// keys returns the keys of a struct with its defaults, in their order.
func (c comments) keys(v reflect.Value) []Key {
	var out []Key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		kind, below := kindOf(f.Type)
		key := Key{
			Name: name, Kind: kind, Must: f.Tag.Get("must") != "",
			Meaning: c[v.Type().Name()+"."+f.Name], Default: written(v.Field(i)),
		}
		if below != nil {
			key.Kind.Name, key.Default = "object", ""
			at := v.Field(i)
			if at.Type() != below {
				at = fresh(below)
			}
			key.Below = c.keys(at)
		}
		out = append(out, key)
	}
	return out
}

func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(strictyaml.Defaulter); ok {
		d.SetDefaults()
	}
	return v.Elem()
}

// scalars are the types that are written as one value.
func scalars() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[time.Duration]():   "duration",
		reflect.TypeFor[config.URL]():      "url",
		reflect.TypeFor[config.Date]():     "date",
		reflect.TypeFor[config.Mode]():     "mode",
		reflect.TypeFor[config.Risk]():     "risk",
		reflect.TypeFor[netip.Prefix]():    "cidr",
		reflect.TypeFor[config.Entry]():    "step",
		reflect.TypeFor[strictyaml.Node](): "settings",
		reflect.TypeFor[bool]():            "bool",
		reflect.TypeFor[int]():             "number",
		reflect.TypeFor[string]():          "string",
	}
}

// kindOf returns the kind of a type and, for objects, the struct below it.
func kindOf(t reflect.Type) (Kind, reflect.Type) {
	if name, ok := scalars()[t]; ok {
		return Kind{Name: name}, nil
	}
	if t.Kind() == reflect.Struct {
		return Kind{Name: "object"}, t
	}
	k, below := kindOf(t.Elem())
	k.List = k.List || t.Kind() == reflect.Slice
	k.Map = k.Map || t.Kind() == reflect.Map
	return k, below
}

// written returns a default as an operator would write it.
func written(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case config.Mode:
		return x.String()
	case config.Risk:
		return x.String()
	case time.Duration:
		return inUnits(x)
	case int:
		return strconv.Itoa(x)
	case []string:
		if len(x) > 0 {
			return "[" + strings.Join(x, ", ") + "]"
		}
	case string:
		return x
	}
	return ""
}

// inUnits writes a whole duration in its largest unit: 730d, 12h, 30m.
func inUnits(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + u.name
		}
	}
	return d.String()
}
