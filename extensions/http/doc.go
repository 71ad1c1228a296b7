// Package http is the member directory behind a web service of the insurer. It
// owns the exchange (README.md) and what may go wrong with it; it must not know
// who asks, nor why.
package http
