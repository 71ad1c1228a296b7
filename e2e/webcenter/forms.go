package webcenter

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what people send.
const (
	formLimit     = 4 << 20 // bytes of a form, its document included
	documentLimit = 2 << 20 // bytes of the document
	textLimit     = 100     // characters of a field
	nameLimit     = 80      // characters of a file's name that are kept
)

// mistake is what is wrong with a field, and what to do.
type mistake struct{ Field, Text string }

// filled is a form as a person filled it in.
type filled struct {
	order    order
	mistakes []mistake
}

func (f *filled) wrong(field, text string) { f.mistakes = append(f.mistakes, mistake{field, text}) }

// text reads a field that must be filled in.
func (f *filled) text(r *http.Request, field, empty string) string {
	value := strings.Join(strings.Fields(r.PostFormValue(field)), " ")
	switch {
	case value == "":
		f.wrong(field, empty)
	case utf8.RuneCountInString(value) > textLimit:
		f.wrong(field, "Das ist zu lang. Bitte nehmen Sie höchstens 100 Zeichen.")
	case !readable(value):
		f.wrong(field, "Hier stehen Zeichen, die man nicht sieht. Bitte tippen Sie den Text neu.")
	}
	return value
}

var fiveDigits = regexp.MustCompile(`^[0-9]{5}$`)

func readAddress(r *http.Request) filled {
	f := filled{}
	a := address{
		Street:   f.text(r, "strasse", "Bitte geben Sie Straße und Hausnummer ein."),
		Postcode: f.text(r, "plz", "Bitte geben Sie die Postleitzahl ein."),
		Town:     f.text(r, "ort", "Bitte geben Sie den Ort ein."),
	}
	if a.Postcode != "" && !fiveDigits.MatchString(a.Postcode) {
		f.wrong("plz", "Eine Postleitzahl hat 5 Ziffern, zum Beispiel 10115.")
	}
	f.order = order{Version: 1, Action: changeAddress, Address: &a}
	return f
}

func readBank(r *http.Request) filled {
	f := filled{}
	b := bank{
		Holder: f.text(r, "inhaber", "Bitte geben Sie den Namen des Kontoinhabers ein."),
		IBAN:   f.text(r, "iban", "Bitte geben Sie die IBAN ein."),
	}
	if b.IBAN != "" {
		iban, ok := parseIBAN(b.IBAN)
		if !ok {
			f.wrong("iban", "Diese IBAN stimmt nicht. Bitte vergleichen Sie sie mit Ihrer Bankkarte.")
		}
		b.IBAN = iban
	}
	f.order = order{Version: 1, Action: changeBank, Bank: &b}
	return f
}

// kinds are the applications that one may send.
func kinds() []string { return []string{"Kur", "Zahnersatz", "Haushaltshilfe"} }

func readApplication(r *http.Request) filled {
	f := filled{}
	kind := r.PostFormValue("art")
	if !slices.Contains(kinds(), kind) {
		f.wrong("art", "Bitte wählen Sie die Art des Antrags.")
	}
	d, err := readDocument(r)
	switch {
	case errors.Is(err, errTooLarge):
		f.wrong("nachweis", "Die Datei ist zu groß. Bitte wählen Sie eine mit höchstens 2 MB.")
	case errors.Is(err, errType):
		f.wrong("nachweis", "Bitte wählen Sie eine Datei vom Typ PDF, JPEG oder PNG.")
	case err != nil:
		f.wrong("nachweis", "Die Datei kam nicht ganz an. Bitte wählen Sie sie noch einmal.")
	}
	f.order = order{Version: 1, Action: sendApplication, Kind: kind, Document: d}
	return f
}

var (
	errTooLarge = errors.New("the document is too large")
	errType     = errors.New("the document is of a type that is not taken")
)

// readDocument returns nil when none was sent.
func readDocument(r *http.Request) (*document, error) {
	file, header, err := r.FormFile("nachweis")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return takeDocument(file, header)
}

// takeDocument judges the type by the bytes: what the browser says of it is the
// sender's word.
func takeDocument(file io.Reader, header *multipart.FileHeader) (*document, error) {
	content, err := io.ReadAll(io.LimitReader(file, documentLimit+1))
	if err != nil {
		return nil, err
	}
	if len(content) > documentLimit {
		return nil, errTooLarge
	}
	kind := http.DetectContentType(content)
	if !slices.Contains([]string{"application/pdf", "image/jpeg", "image/png"}, kind) {
		return nil, errType
	}
	return &document{Name: fileName(header.Filename), Type: kind, Bytes: content}, nil
}

// fileName keeps what a phone can show of a file's name.
func fileName(name string) string {
	name = filepath.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !readable(string(r)) {
			return -1
		}
		return r
	}, name)
	runes := []rune(strings.TrimSpace(name))
	if len(runes) > nameLimit {
		runes = runes[len(runes)-nameLimit:] // the end says what it is
	}
	if len(runes) == 0 || string(runes) == "." || string(runes) == "/" {
		return "Datei"
	}
	return string(runes)
}

// parse reads the form within its bounds.
func parse(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	err := r.ParseMultipartForm(formLimit)
	if errors.Is(err, http.ErrNotMultipart) {
		return nil
	}
	return err
}
