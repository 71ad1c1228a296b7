package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
)

// Brand is how the operator presents itself. All but Name is optional.
type Brand struct {
	Name          string   // shown in the header and in every title
	Languages     []string // "de", "en"; the first is the default; empty = both, German first
	HelpPhone     string   // as printed, such as "0800 000000"
	HelpHours     string   // such as "Mo–Fr 8–18 Uhr"
	Home          string   // https URL of the operator's own site, the way on from an error page
	Imprint       string   // https URL
	Privacy       string   // https URL
	Accessibility string   // https URL of the accessibility declaration
	Logo          []byte   // an SVG or PNG file, at most 256 KiB
	CSS           []byte   // custom properties and rules after our own, at most 64 KiB
}

const (
	maxLogo     = 256 << 10
	maxBrandCSS = 64 << 10
)

// languages are those that there are catalogues for.
func languages() []string { return []string{"de", "en"} }

func (b *Brand) complete() error {
	var errs []error
	if strings.TrimSpace(b.Name) == "" {
		errs = append(errs, errors.New("brand: name is missing"))
	}
	if len(b.Languages) == 0 {
		b.Languages = languages()
	}
	seen := map[string]bool{}
	for _, l := range b.Languages {
		if (l != "de" && l != "en") || seen[l] {
			errs = append(errs, fmt.Errorf("brand: languages: %q is not one of de, en, or stands there twice", l))
		}
		seen[l] = true
	}
	return errors.Join(append(errs, b.checkLinks(), b.checkFiles())...)
}

func (b *Brand) checkLinks() error {
	var errs []error
	for name, link := range map[string]string{
		"home": b.Home, "imprint": b.Imprint, "privacy": b.Privacy, "accessibility": b.Accessibility,
	} {
		if link != "" && !webLink(link) {
			errs = append(errs, fmt.Errorf("brand: %s is not an http or https URL", name))
		}
	}
	return errors.Join(errs...)
}

func (b *Brand) checkFiles() error {
	var errs []error
	if len(b.Logo) > maxLogo {
		errs = append(errs, fmt.Errorf("brand: the logo has more than %d bytes", maxLogo))
	}
	if len(b.Logo) > 0 && b.logoType() == "" {
		errs = append(errs, errors.New("brand: the logo is neither SVG nor PNG"))
	}
	if len(b.CSS) > maxBrandCSS {
		errs = append(errs, fmt.Errorf("brand: the style sheet has more than %d bytes", maxBrandCSS))
	}
	return errors.Join(errs...)
}

func webLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// logoType returns the file name ending of the logo, or "".
func (b *Brand) logoType() string {
	switch head := bytes.TrimSpace(b.Logo[:min(len(b.Logo), 4096)]); {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")), bytes.HasPrefix(b.Logo, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.Contains(head, []byte("<svg")):
		return "svg"
	default:
		return ""
	}
}

// Call returns the help phone as a tel: URL (RFC 3966), or "". It is safe as
// a URL because only digits and a leading plus are left of it. The "(0)" of
// an international number is not dialled.
func (b *Brand) Call() template.URL {
	var digits strings.Builder
	printed := strings.TrimSpace(b.HelpPhone)
	if strings.HasPrefix(printed, "+") {
		printed = strings.Replace(printed, "(0)", "", 1)
	}
	for i, r := range printed {
		if (r >= '0' && r <= '9') || (r == '+' && i == 0) {
			digits.WriteRune(r)
		}
	}
	if digits.Len() < 3 {
		return ""
	}
	return template.URL("tel:" + digits.String()) //nolint:gosec // digits and a plus only
}
