package webcenter

import (
	"regexp"
	"strings"
)

// ibanForm is an International Bank Account Number (ISO 13616): country, two
// check digits, up to 30 letters and digits; a German one has 22 characters.
var ibanForm = regexp.MustCompile(`^(DE[0-9]{20}|(D[A-DF-Z]|[A-CE-Z][A-Z])[0-9]{2}[0-9A-Z]{11,30})$`)

// parseIBAN reads an IBAN; spaces and small letters do not matter.
func parseIBAN(text string) (string, bool) {
	iban := strings.ToUpper(strings.Join(strings.Fields(text), ""))
	if !ibanForm.MatchString(iban) {
		return "", false
	}
	rest := 0
	for _, r := range iban[4:] + iban[:4] {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return iban, rest == 1
}

// grouped writes an IBAN as on paper, in groups of four.
func grouped(iban string) string {
	var out strings.Builder
	for i, r := range iban {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}
