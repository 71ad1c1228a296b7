// Package config owns what operators write: the one file, its defaults, and
// what is wrong with it, said all at once with path, line and hint. It must
// not know how any part is built, nor open, resolve or listen on anything:
// secrets stand in it as names of files only.
//
// The comments of the structs are the reference in config/README.md and the
// descriptions in config/schleuse.schema.json, which are generated from them.
package config

//go:generate go run ./reference/generate ../../../config
