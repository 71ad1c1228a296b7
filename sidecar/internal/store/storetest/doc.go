// Package storetest is the suite that every database behind the store passes,
// races included, and opens databases for tests of other packages.
package storetest
