package webcenter_test

import (
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/webcenter"
)

func TestAnIBANIsReadWithItsCheckDigits(t *testing.T) {
	cases := map[string]bool{
		"DE89 3704 0044 0532 0130 00": true,
		"de89370400440532013000":      true,
		"GB29 NWBK 6016 1331 9268 19": true,
		"DK5000400440116243":          true,
		"DE89370400440532013001":      false, // another digit
		"DE8937040044053201300":       false, // a digit short
		"DE99370400440532013000":      false,
		"8937040044053201300000":      false,
		"":                            false,
		"DE89-3704-0044-0532-0130-00": false,
	}
	for text, want := range cases {
		if _, got := webcenter.ParseIBAN(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

func FuzzParseIBAN(f *testing.F) {
	f.Add("DE89 3704 0044 0532 0130 00")
	f.Add("ſDE89")
	f.Fuzz(func(t *testing.T, text string) {
		iban, ok := webcenter.ParseIBAN(text)
		if ok && (len(iban) > 34 || strings.ToUpper(iban) != iban) {
			t.Errorf("%q is read as %q", text, iban)
		}
		if again, still := webcenter.ParseIBAN(iban); ok && (!still || again != iban) {
			t.Errorf("%q is read as %q, and that as %q", text, iban, again)
		}
	})
}
