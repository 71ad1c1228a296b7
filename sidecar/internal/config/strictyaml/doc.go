// Package strictyaml reads a YAML document and answers with every mistake in
// it at once: path, line, excerpt and a hint each. It owns strictness (unknown
// and double keys, types, durations) and the rule that a value which may be a
// secret is never shown. It must not know what the keys mean.
//
// Of YAML 1.2 it reads mappings, sequences and scalars in one document.
// Anchors, aliases, tags and merge keys are refused: they make a document
// mean other than what a reader sees.
package strictyaml
