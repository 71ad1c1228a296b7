package web_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

func brand() web.Brand {
	return web.Brand{
		Name: "Muster-Krankenkasse", HelpPhone: "0800 000000", HelpHours: "Mo–Fr 8–18 Uhr",
		Home: "https://kasse.example/", Imprint: "https://kasse.example/impressum",
		Privacy: "https://kasse.example/datenschutz", Accessibility: "https://kasse.example/barrierefreiheit",
	}
}

// demo is a set as an extension brings one.
func demo() web.Set {
	return web.Set{
		Pages: fstest.MapFS{
			"ask.html": {Data: []byte(`{{define "title"}}{{t "ask.title"}}{{end}}
{{define "main"}}
<p class="kern-body">{{t "ask.why" "Name" .Data.Name}}</p>
{{form .}}
{{input . "digits" "value" .Data.Typed "inputmode" "numeric" "maxlength" 24 "width" "4"}}
{{radios . "kind" (options "old" "kind.old" "new" "kind.new") "value" "new"}}
{{checkbox . "keep" "yes" "keep.label" true}}
{{button "ask.go"}}
</form>
{{notice "info" (t "ask.once")}}
{{end}}`)},
			"show.html": {Data: []byte(`{{define "title"}}{{t "show.title"}}{{end}}
{{define "main"}}
{{list (lines (t "show.one") (t "show.two"))}}
{{jump .Data.URL "show.go"}}
{{qr .Data.URL "show.qr"}}
{{code .Data.Code "show.code"}}
{{form .}}
{{input . "pin" "autocomplete" "one-time-code" "inputmode" "numeric" "width" "12"}}
{{input . "password" "type" "password" "value" "never" "autocomplete" "new-password" "rules" (lines (t "show.one") (t "show.two")) "reveal" true}}
{{button "ask.go"}}
</form>
{{script . "hint.js"}}
{{end}}`)},
			"hint.js": {Data: []byte(`"use strict";
document.querySelector(".code-label").textContent = "Code";`)},
		},
		Messages: fstest.MapFS{
			"de.json": {Data: []byte(`{"ask.title":"Wie lauten die Ziffern?","ask.why":"Für {{.Name}}.","ask.go":"Ziffern prüfen","ask.once":"Wir fragen nur einmal.",
"digits.label":"Letzte vier Ziffern","digits.hint":"Rückseite der Karte, Feld 8","kind.label":"Welche Karte?","kind.old":"Die alte","kind.new":"Die neue","kind.new.hint":"Seit 2025","keep.label":"Merken",
"show.title":"Weiter auf dem Handy","show.one":"Ihr Ausweis","show.two":"Etwa 10 Minuten","show.go":"Zu Ident","show.qr":"QR-Code mit der Adresse von Ident","show.code":"Ihr Code:","pin.label":"Code","password.label":"Neues Passwort",
"tries":{"one":"Sie haben noch einen Versuch.","other":"Sie haben noch {{.Count}} Versuche."},"locked":"Bitte warten Sie {{.For}}.","wait":"Bitte warten Sie {{.Wait}}.","no_card":"Wir kennen keine Karte von Ihnen. Bitte rufen Sie uns an."}`)},
			"en.json": {Data: []byte(`{"ask.title":"Which digits?","ask.why":"For {{.Name}}.","ask.go":"Check digits","ask.once":"We ask only once.",
"digits.label":"Last four digits","digits.hint":"Back of the card, field 8","kind.label":"Which card?","kind.old":"The old one","kind.new":"The new one","kind.new.hint":"Since 2025","keep.label":"Remember",
"show.title":"Go on with your phone","show.one":"Your ID card","show.two":"About 10 minutes","show.go":"To Ident","show.qr":"QR code with Ident's address","show.code":"Your code:","pin.label":"Code","password.label":"New password",
"tries":{"one":"You have one try left.","other":"You have {{.Count}} tries left."},"locked":"Please wait {{.For}}.","wait":"Please wait {{.Wait}}.","no_card":"We know of no card of yours. Please call us."}`)},
		},
	}
}

func noon() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

func open(t *testing.T) *web.Pages {
	t.Helper()
	p, err := web.New(brand(), map[string]web.Set{"demo": demo()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	p.Now = noon
	p.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return p
}

type typed struct{ Name, Typed string }

type shown struct{ URL, Code string }

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		p, err := web.New(brand(), map[string]web.Set{"demo": demo()})
		if err == nil {
			err = p.Check()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	p, err := web.New(brand(), map[string]web.Set{"demo": demo()})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/schleuse/attempts/0123456789abcdef", nil)
	for b.Loop() {
		w := httptest.NewRecorder()
		p.Render(w, r, web.Page{Set: "demo", Name: "ask", Data: typed{"Erika", ""}})
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
