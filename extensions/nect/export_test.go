package nect

import (
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/ident"
)

// Client is Nect's interface over a transport of the test's.
type Client struct {
	ident.Provider
	Resting func() bool
}

// NewClient returns one.
func NewClient(base, keyFile string, timeout time.Duration, transport http.RoundTripper) (Client, error) {
	c, err := newClient(Service{base, keyFile}, timeout, transport)
	if err != nil {
		return Client{}, err
	}
	return Client{c, c.resting}, nil
}

// ReadResult reads an answer about a case.
func ReadResult(raw []byte, id ident.CaseID) (ident.Result, error) { return readResult(raw, id) }

// ReadOpened reads an answer about a new case.
func ReadOpened(raw []byte) (ident.Opened, error) { return readOpened(raw) }

// EvidenceKey is where the evidence of a case is stored.
func EvidenceKey(id string) string { return evidenceKey(ident.CaseID(id)) }
