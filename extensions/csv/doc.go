// Package csv is the member directory in a file: the master data as an export
// that the operator replaces when it changes. It owns the file's format and
// its reloading; it must not know who asks, nor why.
package csv
