package nect

import (
	"context"
	"embed"
	"errors"
	"io/fs"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/member"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Factory returns the kind "nect".
func Factory() extension.Factory { return extension.Define("nect", defaults, open) }

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return extension.Parts{}, err
	}
	messages, err := fs.Sub(files, "messages")
	if err != nil {
		return extension.Parts{}, err
	}
	if host.Base == nil || !extension.Private(host.Base) {
		return extension.Parts{}, errors.New("the address that Nect and browsers come back to is not known, or not https")
	}
	verifier, err := newVerifier(host, c.Callback)
	if err != nil {
		return extension.Parts{}, err
	}
	services, err := clients(c)
	if err != nil {
		return extension.Parts{}, err
	}
	if _, tells := host.Members.(member.Namesaker); !tells {
		host.Log.Warn("the member directory knows no namesakes: nobody notices that a document fits two people")
	}
	s := &step{
		host: host, config: c, services: services,
		cases: cases{records: host.Records, hash: host.Hash, now: host.Now},
		caps:  caps{config: c, counters: host.Counters, now: host.Now},
	}
	d := &door{step: s, verifier: verifier}
	return extension.Parts{Step: s, Offer: s.offer, Public: d.handler(), Run: s.run, Pages: pages, Messages: messages}, nil
}
