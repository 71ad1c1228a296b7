package phone

import (
	"context"
	"embed"
	"io/fs"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Config is the `config:` block. There is nothing to set.
type Config struct{}

// Factory returns the kind "phone".
func Factory() extension.Factory {
	f := extension.Define("phone", func() Config { return Config{} }, open)
	f.Flows = []flow.Name{flow.Enrolment}
	return f
}

func open(_ context.Context, host extension.Host, _ Config) (extension.Parts, error) {
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return extension.Parts{}, err
	}
	messages, err := fs.Sub(files, "messages")
	if err != nil {
		return extension.Parts{}, err
	}
	s := newStep(host)
	return extension.Parts{Step: s, Offer: s.offer, Pages: pages, Messages: messages}, nil
}
