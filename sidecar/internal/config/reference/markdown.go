package reference

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed head.md
var head string

// Markdown returns the reference as people read it.
func Markdown(keys []Key) string {
	var b strings.Builder
	b.WriteString(head)
	table(&b, "", keys)
	return b.String()
}

// table writes the keys of an object, then the objects below it.
func table(b *strings.Builder, path string, keys []Key) {
	if path == "" {
		b.WriteString("\n### The file\n")
	} else {
		fmt.Fprintf(b, "\n### `%s`\n", path)
	}
	b.WriteString("\n| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Name, word(k.Kind), byDefault(k), strings.ReplaceAll(k.Meaning, "|", `\|`))
	}
	for _, k := range keys {
		if len(k.Below) > 0 {
			table(b, below(path, k), k.Below)
		}
	}
}

func below(path string, k Key) string {
	path = strings.TrimPrefix(path+"."+k.Name, ".")
	if k.Kind.Map {
		path += ".NAME"
	}
	return path
}

func byDefault(k Key) string {
	switch {
	case k.Must:
		return "**required**"
	case k.Default != "":
		return "`" + k.Default + "`"
	}
	return ""
}

func word(k Kind) string {
	out := map[string]string{
		"string": "text", "bool": "true, false", "number": "whole number", "duration": "duration", "url": "URL", "date": "day", "mode": "enforce, observe", "risk": "high, low",
		"cidr": "network", "step": "step", "settings": "its settings", "object": "section",
	}[k.Name]
	switch {
	case k.Map && k.List:
		return "lists of " + out + " by name"
	case k.List:
		return "list of " + out
	case k.Map:
		return out + " by name"
	}
	return out
}
