package server

import (
	"context"
	"fmt"
	"os"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

func (h *house) openPages(context.Context) error {
	brand, err := brandOf(h.Config.Brand)
	if err != nil {
		return err
	}
	sets := make(map[string]web.Set, len(h.extensions))
	for _, x := range h.extensions {
		if x.Pages != nil || x.Messages != nil {
			sets[x.name] = web.Set{Pages: x.Pages, Messages: x.Messages}
		}
	}
	if h.Config.Devices != nil && h.Config.Devices.Page != nil {
		sets[mine.Set] = mine.PageSet()
	}
	if h.pages, err = web.New(brand, sets); err != nil {
		return fmt.Errorf("opening the pages: %w", err)
	}
	h.pages.Log = h.Log
	return nil
}

// checkPages reads the pages beside the first work: a broken one ends the
// program as early as that, and the good ones keep it waiting for nothing.
func (h *house) checkPages(context.Context) error { return h.pages.Check() }

func brandOf(b config.Brand) (web.Brand, error) {
	out := web.Brand{
		Name: b.Name, Languages: b.Languages, HelpPhone: b.HelpPhone, HelpHours: b.HelpHours,
		Home: b.Home.String(), Imprint: b.Imprint.String(), Privacy: b.Privacy.String(),
		Accessibility: b.Accessibility.String(),
	}
	for file, into := range map[string]*[]byte{b.LogoFile: &out.Logo, b.CSSFile: &out.CSS} {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return out, fmt.Errorf("reading the brand: %w", err)
		}
		*into = data
	}
	return out, nil
}
