// Package extension is the interface between Schleuse and its extensions:
// how one is defined, what it may contribute (Parts) and what it may use
// (Host). It must not know any particular extension, nor the internal packages.
package extension
