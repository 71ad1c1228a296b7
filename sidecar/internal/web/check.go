package web

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"text/template/parse"
)

// checkKeys makes sure that every text which a page asks for by a literal key
// exists, and that its placeholders are filled.
func (f *funcs) checkKeys(page *template.Template) error {
	var errs []error
	for _, t := range page.Templates() {
		if t.Tree == nil || t.Tree.Root == nil {
			continue
		}
		walk(t.Tree.Root, func(c *parse.CommandNode) {
			if err := f.checkCall(c); err != nil {
				errs = append(errs, err)
			}
		})
	}
	return errors.Join(errs...)
}

func (f *funcs) checkCall(c *parse.CommandNode) error {
	name, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		return nil
	}
	switch name.Ident {
	case "t":
		return f.checkText(c.Args[1:])
	case "input", "radios":
		if s, ok := literal(c.Args, 2); ok && !given(c.Args[3:], "label") {
			return f.checkKey(s + ".label")
		}
	case "script":
		if s, ok := literal(c.Args, 2); ok {
			return f.checkScript(s)
		}
	}
	at, ok := keyAt(name.Ident)
	if s, isLiteral := literal(c.Args, at); ok && isLiteral {
		return f.checkKey(s)
	}
	return nil
}

// keyAt returns which argument of a function is a key.
func keyAt(function string) (int, bool) {
	at, ok := map[string]int{"button": 1, "jump": 2, "code": 2, "qr": 2, "checkbox": 4, "choice": 4}[function]
	return at, ok
}

func (f *funcs) checkKey(key string) error {
	if !f.words.has(key) {
		return fmt.Errorf("there is no text %q", key)
	}
	return nil
}

func (f *funcs) checkScript(name string) error {
	if _, ok := f.pages.scripts[scriptID{f.set, name}]; !ok {
		return fmt.Errorf("there is no script %q beside the pages", name)
	}
	return nil
}

func (f *funcs) checkText(args []parse.Node) error {
	key, ok := literal(args, 0)
	if !ok {
		return nil
	}
	if err := f.checkKey(key); err != nil || len(args) == 2 { // a map of arguments is seen when it is there
		return err
	}
	names, ok := f.words.own.placeholders[key]
	if !ok {
		names = f.words.core.placeholders[key]
	}
	for _, n := range names {
		if !given(args[1:], n) {
			return fmt.Errorf("text %q is asked for without its placeholder %s", key, n)
		}
	}
	return nil
}

func literal(args []parse.Node, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	s, ok := args[i].(*parse.StringNode)
	if !ok {
		return "", false
	}
	return s.Text, true
}

// given reports whether a name stands in a list of name and value pairs.
func given(pairs []parse.Node, name string) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if s, ok := literal(pairs, i); ok && s == name {
			return true
		}
	}
	return false
}

// walk calls fn for every command below a node.
func walk(n parse.Node, fn func(*parse.CommandNode)) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			each(n.Nodes, fn)
		}
	case *parse.ActionNode:
		walk(n.Pipe, fn)
	case *parse.TemplateNode:
		walk(n.Pipe, fn)
	case *parse.IfNode:
		walkBranch(&n.BranchNode, fn)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, fn)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, fn)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				fn(c)
				each(slices.Clone(c.Args), fn)
			}
		}
	}
}

func walkBranch(b *parse.BranchNode, fn func(*parse.CommandNode)) {
	walk(b.Pipe, fn)
	walk(b.List, fn)
	walk(b.ElseList, fn)
}

func each(nodes []parse.Node, fn func(*parse.CommandNode)) {
	for _, n := range nodes {
		walk(n, fn)
	}
}
