package webcenter_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/webcenter"
	"github.com/schleuse/schleuse/sidecar/client"
)

const anna, bernd = "A123456780", "B123456782"

// desk is a WebCenter with an Approvals API, and a person's browser at it.
type desk struct {
	*api
	t       *testing.T
	site    *httptest.Server
	journal string
	number  string
	cookies []*http.Cookie
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{api: newAPI(t), t: t, journal: filepath.Join(t.TempDir(), "journal"), number: anna}
	d.site = httptest.NewServer(webcenter.New(webcenter.Settings{
		Register: "/telefon", Approvals: d.client(), Journal: d.journal,
	}))
	t.Cleanup(d.site.Close)
	return d
}

// page is an answer of the WebCenter.
type page struct {
	status     int
	path, text string
}

func (d *desk) send(method, path, kind string, body io.Reader, headers ...string) page {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.site.URL+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Kvnr", d.number)
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range d.cookies {
		r.AddCookie(c)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	d.cookies = append(d.cookies, response.Cookies()...)
	if to := response.Header.Get("Location"); to != "" {
		return d.get(to)
	}
	return page{response.StatusCode, path, string(text)}
}

func (d *desk) get(path string) page { d.t.Helper(); return d.send(http.MethodGet, path, "", nil) }

func (d *desk) post(path string, form url.Values, headers ...string) page {
	d.t.Helper()
	return d.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), headers...)
}

func moves() url.Values {
	return url.Values{"strasse": {"Neue Straße 2"}, "plz": {"26721"}, "ort": {"Emden"}}
}

// apply sends an application with a document.
func (d *desk) apply(kind, name string, document []byte) page {
	d.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("art", kind); err != nil {
		d.t.Fatal(err)
	}
	file, err := form.CreateFormFile("nachweis", name)
	if err == nil {
		_, err = file.Write(document)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		d.t.Fatal(err)
	}
	return d.send(http.MethodPost, "/antraege/", form.FormDataContentType(), &body)
}

// comes looks at the page until it says the words.
func (d *desk) comes(path, words string) page {
	d.t.Helper()
	p := d.get(path)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(p.text, words); p = d.get(path) {
		if time.Now().After(end) {
			d.t.Fatalf("the page never says %q:\n%s", words, p.text)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return p
}

func (d *desk) says(p page, words ...string) {
	d.t.Helper()
	for _, w := range words {
		if !strings.Contains(p.text, w) {
			d.t.Errorf("%s (%d) does not say %q:\n%s", p.path, p.status, w, p.text)
		}
	}
}

func (d *desk) entries() []webcenter.Entry {
	d.t.Helper()
	entries, err := webcenter.ReadJournal(d.journal)
	if err != nil {
		d.t.Fatal(err)
	}
	return entries
}

func TestAnAddressIsChangedOnceItWasApproved(t *testing.T) {
	d := newDesk(t)
	p := d.post("/adresse", moves())
	d.says(p, "Bitte öffnen Sie die Kunden-App", `class="code">417<`, "Alte Straße 1, 10115 Berlin", "Neue Straße 2, 26721 Emden", `http-equiv="refresh"`)
	if strings.Contains(p.path, anna) || len(d.entries()) > 0 {
		t.Fatalf("at %s, executed %v", p.path, d.entries())
	}
	q := d.asked[0]
	if q.Subject.KVNR != anna || q.Action != "adresse" || q.Fields["neu"] != "Neue Straße 2, 26721 Emden" || q.Session == "" || strings.Contains(q.Session, d.cookies[0].Value) {
		t.Errorf("asked %+v", q)
	}
	d.become(client.Approved, "")
	d.says(d.comes(p.path, "Das hat geklappt"), "Neue Straße 2")
	d.says(d.get("/adresse"), "Zurzeit schreiben wir Ihnen an: <strong>Neue Straße 2, 26721 Emden")
	entries := d.entries()
	want := `{"v":1,"action":"adresse","number":"A123456780","address":{"street":"Neue Straße 2","postcode":"26721","town":"Emden"}}`
	if len(entries) != 1 || entries[0].Number != anna || entries[0].Approval != "a1" || !entries[0].Verified || entries[0].Content != client.HashOf([]byte(want)) {
		t.Errorf("journal %+v", entries)
	}
	d.number = bernd
	if got := d.get(p.path); got.status != http.StatusNotFound {
		t.Errorf("somebody else reads the errand: %d", got.status)
	}
}

func TestWhatWasNotApprovedIsNotExecuted(t *testing.T) {
	cases := map[string]struct {
		happens func(*desk, string)
		words   string
	}{
		"denied":     {func(d *desk, _ string) { d.become(client.Denied, "by_person") }, "Sie haben abgelehnt"},
		"expired":    {func(d *desk, _ string) { d.become(client.Expired, "") }, "Die Zeit ist abgelaufen"},
		"superseded": {func(d *desk, _ string) { d.become(client.Cancelled, "superseded") }, "Der Vorgang ist abgebrochen"},
		"taken back": {func(d *desk, path string) { d.post(path+"/abbrechen", nil) }, "Der Vorgang ist abgebrochen"},
		"used up":    {func(d *desk, _ string) { d.become(client.Used, "") }, "Der Auftrag wurde nicht ausgeführt"},
		"another receipt": {func(d *desk, _ string) {
			d.mu.Lock()
			d.edited = true
			d.mu.Unlock()
			d.become(client.Approved, "")
		}, "Der Auftrag wurde nicht ausgeführt"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			p := d.post("/adresse", moves())
			c.happens(d, p.path)
			d.says(d.comes(p.path, c.words), "Es wurde nichts geändert", "Neu beginnen")
			d.says(d.get("/adresse"), "Alte Straße 1")
			if entries := d.entries(); len(entries) > 0 {
				t.Errorf("journal %+v", entries)
			}
		})
	}
}

func TestWhoCannotBeAskedIsToldWhatToDo(t *testing.T) {
	cases := map[string]struct {
		problem string
		words   []string
	}{
		"no phone":        {client.Nobody, []string{"Sie brauchen ein angemeldetes Telefon", `href="/telefon"`}},
		"asked before":    {client.AlreadyOpen, []string{"wartet schon eine Anfrage"}},
		"denied before":   {client.Paused, []string{"Bitte warten Sie einen Moment", time.Now().Add(time.Hour).Format("15:")}},
		"asked too often": {client.TooMany, []string{"Bitte warten Sie einen Moment"}},
		"not understood":  {client.Invalid, []string{"Wir erreichen Ihr Telefon gerade nicht"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.refuse, d.retry = c.problem, 3600
			p := d.post("/adresse", moves())
			d.says(p, append(c.words, "Ihre Angaben sind gespeichert", "Neue Straße 2", "Noch einmal versuchen")...)
			d.refuse = ""
			d.says(d.post(p.path+"/nochmal", nil), "Bitte öffnen Sie die Kunden-App", "417")
			if len(d.asked) != 2 || d.asked[0].Key != d.asked[1].Key || d.asked[0].Content != d.asked[1].Content {
				t.Errorf("asked %+v", d.asked)
			}
		})
	}
}

func TestTheAppGoesOnWhileTheAPIIsAway(t *testing.T) {
	d := newDesk(t)
	d.Close()
	d.says(d.post("/adresse", moves()), "Wir erreichen Ihr Telefon gerade nicht", "Ihre Angaben sind gespeichert", "Noch einmal versuchen")
	without := httptest.NewServer(webcenter.New(webcenter.Settings{}))
	defer without.Close()
	d.site, d.cookies = without, nil
	d.says(d.post("/adresse", moves()), "Wir erreichen Ihr Telefon gerade nicht")
}

func TestAnApplicationIsApprovedWithEveryByteOfItsDocument(t *testing.T) {
	document := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0, 1, 2}, 1000)...)
	d := newDesk(t)
	p := d.apply("Kur", `C:\Briefe\Attest`+"\u202e"+`.pdf`, document)
	d.says(p, "Kur", "Attest.pdf (application/pdf, 3009 Bytes)")
	d.become(client.Approved, "")
	d.comes(p.path, "Das hat geklappt")
	d.says(d.get("/antraege/"), "Kur, gesendet am", "mit Attest.pdf")
	first := d.asked[0]
	document[3000] ^= 1
	d.apply("Kur", "Attest.pdf", document)
	if second := d.asked[1]; second.Content == first.Content || second.Fields["datei"] != first.Fields["datei"] {
		t.Errorf("another document has the content %v like the first", second.Content)
	}
	d.number = bernd
	if got := d.get("/antraege/"); strings.Contains(got.text, "gesendet am") {
		t.Error("somebody else sees the application")
	}
}

func TestAFormThatDoesNotFitSaysWhy(t *testing.T) {
	d := newDesk(t)
	cases := map[string]struct {
		page   page
		status int
		words  []string
	}{
		"no street":      {d.post("/adresse", url.Values{"plz": {"26721"}, "ort": {"Emden"}}), 422, []string{"Bitte geben Sie Straße", `value="Emden"`, `href="#strasse"`}},
		"postcode":       {d.post("/adresse", url.Values{"strasse": {"A 1"}, "plz": {"2672"}, "ort": {"E"}}), 422, []string{"5 Ziffern"}},
		"hidden":         {d.post("/adresse", url.Values{"strasse": {"A\u202e1"}, "plz": {"26721"}, "ort": {"E"}}), 422, []string{"die man nicht sieht"}},
		"long":           {d.post("/bank", url.Values{"inhaber": {strings.Repeat("ä", 101)}, "iban": {"DE89370400440532013000"}}), 422, []string{"höchstens 100 Zeichen"}},
		"IBAN":           {d.post("/bank", url.Values{"inhaber": {"Anna"}, "iban": {"DE88370400440532013000"}}), 422, []string{"Diese IBAN stimmt nicht", "DE88370400440532013000"}},
		"another kind":   {d.apply("Reise", "a.pdf", []byte("%PDF-1.7")), 422, []string{"wählen Sie die Art"}},
		"another type":   {d.apply("Kur", "a.pdf", []byte("<html><script>")), 422, []string{"PDF, JPEG oder PNG"}},
		"large":          {d.apply("Kur", "a.pdf", append([]byte("%PDF-1.7"), make([]byte, 3<<20)...)), 422, []string{"höchstens 2 MB"}},
		"far too large":  {d.apply("Kur", "a.pdf", append([]byte("%PDF-1.7"), make([]byte, 5<<20)...)), 413, []string{"höchstens 2 MB"}},
		"from elsewhere": {d.post("/adresse", moves(), "Sec-Fetch-Site", "cross-site"), 403, nil},
	}
	for name, c := range cases {
		if c.page.status != c.status {
			t.Errorf("%s: %d, want %d", name, c.page.status, c.status)
		}
		d.says(c.page, c.words...)
	}
	if len(d.asked) > 0 {
		t.Errorf("asked %+v", d.asked)
	}
}

func TestBankDetailsAreShownAsOnPaper(t *testing.T) {
	d := newDesk(t)
	p := d.post("/bank", url.Values{"inhaber": {"Anna Beispiel"}, "iban": {"de89 3704 0044 0532 0130 00"}})
	d.says(p, "DE89 3704 0044 0532 0130 00", "Anna Beispiel")
	d.become(client.Approved, "")
	d.comes(p.path, "Das hat geklappt")
	d.says(d.get("/bank"), "Zurzeit überweisen wir auf: <strong>DE89 3704 0044 0532 0130 00")
}

func TestAnErrandIsItsBrowsersAlone(t *testing.T) {
	d := newDesk(t)
	p := d.post("/adresse", moves())
	d.cookies = nil
	for _, got := range []page{d.get(p.path), d.get(p.path + "/stand"), d.post(p.path+"/abbrechen", nil)} {
		if got.status != http.StatusNotFound {
			t.Errorf("another browser is told %d at %s", got.status, got.path)
		}
	}
	d.number = ""
	if got := d.post("/adresse", moves()); got.status != http.StatusForbidden || len(d.asked) != 1 {
		t.Errorf("nobody is told %d", got.status)
	}
}
