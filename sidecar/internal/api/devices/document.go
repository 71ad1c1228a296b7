package devices

import (
	_ "embed" // Document
	"net/http"
)

// Document is the API's description (OpenAPI 3.0).
//
//go:embed openapi.yaml
var Document []byte

func document(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(Document)
	return nil
}
