package web

import (
	"errors"
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

const (
	// maxQR is how many bytes a QR code of ours holds. It is not the symbol's
	// own bound (ISO/IEC 18004 has 2331 at this level): an old phone's camera
	// must still read it from an old screen.
	maxQR = 512
	// quietZone is the light margin in modules (ISO/IEC 18004 section 5.3.8).
	quietZone = 4
)

// symbol is a QR code as one path, in modules.
type symbol struct {
	Alt  string
	Size int // with the quiet zone
	Path string
}

// qr is {{qr TEXT "key"}}: a picture of a text, 1 to 512 bytes, with the text
// of key as its alternative. It is dark on light in every colour scheme,
// because readers of QR codes need that.
func (f *funcs) qr(content any, key string) (template.HTML, error) {
	alt, err := say(f.words, key, nil)
	if err != nil {
		return "", err
	}
	c, err := drawQR(printed(content))
	if err != nil {
		return "", fmt.Errorf("drawing %q: %w", key, err)
	}
	c.Alt = alt
	return f.part("qr", c)
}

func drawQR(content string) (symbol, error) {
	if content == "" || len(content) > maxQR {
		return symbol{}, fmt.Errorf("a QR code holds 1 to %d bytes, not %d", maxQR, len(content))
	}
	drawn, err := qr.Encode(content, qr.M)
	if err != nil {
		return symbol{}, errors.New("the text does not fit a QR code") // the text may be a secret
	}
	var path strings.Builder
	for y := range drawn.Size {
		for x := 0; x < drawn.Size; x++ {
			from := x
			for drawn.Black(x, y) {
				x++
			}
			if run := x - from; run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, run, run)
			}
		}
	}
	return symbol{Size: drawn.Size + 2*quietZone, Path: path.String()}, nil
}
