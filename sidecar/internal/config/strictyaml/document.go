package strictyaml

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxSize is the largest document that is read, in bytes.
const MaxSize = 1 << 20

// maxDepth bounds nesting, so that a crafted document cannot exhaust the stack.
const maxDepth = 50

// Node is a place in a document. The zero Node is an absent place: decoding
// it leaves every default as it is.
type Node struct {
	file string
	path string
	key  string // the last key of the path
	line int
	node ast.Node

	secret bool // the value may be a secret, for its key or one above says so
	listed bool // of a sequence; key is its index then
}

// Load reads a document from a file.
func Load(file string) (Node, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Node{}, err
	}
	if info.Size() > MaxSize {
		return Node{}, fmt.Errorf("%s: %d bytes, at most %d are read", file, info.Size(), MaxSize)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Node{}, err
	}
	return Parse(file, data)
}

// Parse reads a document. file is its name in messages.
func Parse(file string, data []byte) (Node, error) {
	root := Node{file: file, line: 1}
	if len(data) > MaxSize {
		return Node{}, Problems{root.Problem(fmt.Sprintf("%d bytes, at most %d are read", len(data), MaxSize), "")}
	}
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return Node{}, Problems{root.syntax(err, string(data))}
	}
	docs := parsed.Docs
	for len(docs) > 0 && docs[len(docs)-1].Body == nil {
		docs = docs[:len(docs)-1]
	}
	switch len(docs) {
	case 0:
		return root, nil
	case 1:
		root.node = docs[0].Body
		if _, ok := root.node.(*ast.CommentGroupNode); ok {
			root.node = nil
		}
		return root, depth(root, 0)
	default:
		return Node{}, Problems{root.Problem("more than one document", "remove the lines that are ---")}
	}
}

// syntax turns the parser's error into a problem that shows no more of the
// line than its key.
func (n Node) syntax(err error, text string) Problem {
	var positioned interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	p := n.Problem("no valid YAML", "check indentation, quotes and brackets on this line and the one before")
	if !errors.As(err, &positioned) {
		return p
	}
	p.Message = "no valid YAML: " + positioned.GetMessage()
	if t := positioned.GetToken(); t != nil && t.Position != nil {
		p.Line = t.Position.Line
		lines := strings.Split(text, "\n")
		if p.Line >= 1 && p.Line <= len(lines) {
			if key, _, ok := strings.Cut(lines[p.Line-1], ":"); ok && plainKey(strings.TrimSpace(key)) {
				p.Excerpt = strings.TrimSpace(key) + ": …"
			}
		}
	}
	return p
}

// plainKey reports whether s looks like a key and nothing else.
func plainKey(s string) bool {
	s = strings.TrimPrefix(s, "- ")
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// depth refuses a document that is nested too deeply.
func depth(n Node, level int) error {
	if level > maxDepth {
		return Problems{n.Problem(fmt.Sprintf("nested more than %d levels", maxDepth), "")}
	}
	for _, child := range n.children() {
		if err := depth(child, level+1); err != nil {
			return err
		}
	}
	return nil
}

// Present reports whether the document has this place.
func (n Node) Present() bool { return n.node != nil }

// Path returns the place's path, such as gate.flows.login[2].
func (n Node) Path() string { return n.path }

// Problem returns a mistake at this place.
func (n Node) Problem(message, hint string) Problem {
	p := Problem{File: n.file, Line: n.line, Path: n.path, Message: message, Hint: hint}
	if n.path != "" {
		p.Excerpt = n.excerpt()
	}
	return p
}

// At returns the place below n that the keys lead to; an element of a sequence
// has its index from 0 as its key. Where the document has no such place, the
// answer is absent, on the line of the nearest place above it.
func (n Node) At(keys ...string) Node {
	at := n
	for _, key := range keys {
		at = at.child(key)
	}
	return at
}

func (n Node) child(key string) Node {
	for _, c := range n.children() {
		if c.key == key {
			return c
		}
	}
	return Node{file: n.file, path: join(n.path, key), line: n.line}
}

// children returns the places right below: values of a mapping, elements of a
// sequence. Of a double key the first stands.
func (n Node) children() []Node {
	var out []Node
	switch node := n.node.(type) {
	case *ast.MappingNode:
		for _, v := range node.Values {
			out = append(out, n.value(v))
		}
	case *ast.MappingValueNode:
		out = append(out, n.value(node))
	case *ast.SequenceNode:
		for i, v := range node.Values {
			out = append(out, n.element(i, v))
		}
	}
	return out
}

func (n Node) value(v *ast.MappingValueNode) Node {
	key := keyText(v.Key)
	return Node{
		file: n.file, path: join(n.path, key), key: key, line: lineOf(v.Key, n.line), node: v.Value,
		secret: n.secret || SecretKey(key),
	}
}

func (n Node) element(i int, v ast.Node) Node {
	return Node{
		file: n.file, path: n.path + "[" + strconv.Itoa(i) + "]", key: strconv.Itoa(i),
		line: lineOf(v, n.line), node: v, secret: n.secret, listed: true,
	}
}

// excerpt shows the key with its value, or without it where that could tell a
// secret, a URL's password, or more than a line.
func (n Node) excerpt() string {
	var value string
	switch n.node.(type) {
	case nil:
		return ""
	case *ast.MappingNode, *ast.MappingValueNode:
		value = "{…}"
	case *ast.SequenceNode:
		value = "[…]"
	default:
		value = n.node.GetToken().Value
	}
	switch {
	case n.secret:
		value = "(not shown)"
	case strings.ContainsAny(value, "\n\r"):
		value = "…"
	}
	value = userinfo.ReplaceAllString(value, "://(not shown)@")
	if utf8.RuneCountInString(value) > maxExcerpt {
		value = string([]rune(value)[:maxExcerpt]) + "…"
	}
	if n.listed {
		return "- " + value
	}
	return n.key + ": " + value
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	if t := key.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

func lineOf(n ast.Node, otherwise int) int {
	if n == nil {
		return otherwise
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return otherwise
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Scalar reports whether the place is a single value.
func (n Node) Scalar() bool {
	_, ok := n.node.(ast.ScalarNode)
	return ok
}
