package home

import "github.com/schleuse/schleuse/e2e/stage"

// DemoContent is what the demo of this block of ports has to offer.
func DemoContent(ports stage.Ports) Content {
	site := ports.SiteURL() + "/"
	return Content{
		Roles: []Role{customer(site), newcomer(ports), phoneOwner(ports), thief(site), staff(ports)},
		Links: []Link{
			{"WebCenter, durch die Schleuse", site},
			{"Postfach im WebCenter", ports.SiteURL() + "/postfach/"},
			{"Was das WebCenter über einen weiß", ports.SiteURL() + "/profil"},
			{"Kunden-App, das Telefon neben dem WebCenter", ports.AppURL() + "/"},
			{"Adresse ändern im WebCenter, mit Zustimmung auf dem Telefon", ports.SiteURL() + "/adresse"},
			{"Nect, nachgestellt, mit Schaltern für jede Störung", ports.NectURL() + "/"},
			{"Briefe, die unterwegs sind", ports.HomeURL() + "/letters"},
			{"Mails, die angekommen sind", ports.HomeURL() + "/mail"},
			{"Partnerportal, ein Client wie jeder andere", ports.PartnerURL() + "/"},
			{"OpenID-Metadaten, durch die Schleuse", ports.GateURL() + "/realms/" + stage.Realm + "/.well-known/openid-configuration"},
			{"Messwerte der Schleuse", stage.Loopback(ports.Internal()) + "/metrics"},
			{"Ist die Schleuse bereit?", stage.Loopback(ports.Internal()) + "/readyz"},
		},
		People: stage.People(),
	}
}

func customer(site string) Role {
	return Role{
		Title: "Kundin mit Konto",
		What:  "Anna hat ein Konto und eine Karte, war aber noch nie ausgewiesen.",
		Start: site,
		Typed: []Typed{
			{"Versichertennummer", stage.Anna.Number},
			{"Passwort", stage.Anna.Password},
			{"Letzte vier Ziffern der Karte", stage.Anna.Digits},
		},
		Expect: []string{"Beim ersten Mal fragt die Schleuse nach der Karte.", "Beim zweiten Mal nicht mehr."},
	}
}

func newcomer(ports stage.Ports) Role {
	return Role{
		Title: "Neuer Kunde",
		What:  "Mia ist versichert und hat noch kein Konto. Sie wählt „Zum ersten Mal registrieren“.",
		Start: ports.SiteURL() + "/",
		Typed: []Typed{
			{"Versichertennummer", stage.Mia.Number},
			{"Bei Nect, nachgestellt: Wer weist sich aus?", "Mia Sophie Neumann"},
			{"Neues Passwort, zum Beispiel", "Mia-faehrt-Karussell"},
		},
		Expect: []string{
			"Die Auswahl nach der Nummer ist für jede Nummer dieselbe.",
			"Das Konto entsteht erst mit dem Passwort.",
			"„Anders ausweisen“ führt zum Brief. Sein Code liegt unter " + ports.HomeURL() + "/letters.",
		},
	}
}

func phoneOwner(ports stage.Ports) Role {
	return Role{
		Title: "Kundin mit Telefon",
		What:  "Hanna ist schon ausgewiesen. Sie meldet in der Kunden-App ihr Smartphone an und bestätigt damit eine Änderung.",
		Start: ports.AppURL() + "/",
		Phone: true,
		Typed: []Typed{
			{"Versichertennummer", stage.Hanna.Number},
			{"Passwort", stage.Hanna.Password},
			{"Bei Nect, nachgestellt: Wer weist sich aus?", stage.Hanna.Name},
			{"Geräte-Passwort, zum Beispiel", "Mein-Geraete-Wort-7"},
			{"PIN der App, zum Beispiel", "462913"},
		},
		Expect: []string{
			"Die App öffnet sich in einem Fenster, so groß wie ein Telefon, neben dem WebCenter.",
			"Für ein Smartphone weist sich auch aus, wer es schon einmal getan hat.",
			"Im WebCenter ändert sie unter " + ports.SiteURL() + "/adresse ihre Adresse. Geändert wird erst, wenn sie in der App zustimmt.",
			"In der App ändert sie ihre Adresse auch selbst, dann ohne Zahl vom anderen Bildschirm.",
			"Ein Telefon gibt es auch auf der Kommandozeile: go run ./e2e/cmd/device --help.",
		},
	}
}

func thief(site string) Role {
	return Role{
		Title: "Dieb",
		What:  "Er kennt Bernds Nummer und Passwort, hat aber seine Karte nicht.",
		Start: site,
		Typed: []Typed{
			{"Versichertennummer", stage.Bernd.Number},
			{"Passwort", stage.Bernd.Password},
			{"Letzte vier Ziffern der Karte, geraten", "1234"},
		},
		Expect: []string{"Nach drei falschen Versuchen ist mit der Karte Schluss, und Nect braucht Bernds Ausweis.", "Er bekommt weder Cookie noch Code noch Token."},
	}
}

func staff(ports stage.Ports) Role {
	return Role{
		Title: "Mitarbeiterin",
		What:  "Sabine ist keine Versicherte. Die Schleuse lässt sie in Ruhe.",
		Start: ports.PartnerURL() + "/",
		Typed: []Typed{
			{"Benutzername", stage.Sabine.Number},
			{"Passwort", stage.Sabine.Password},
		},
		Expect: []string{"Im Partnerportal fragt niemand nach einer Versichertennummer.", "Im WebCenter führt „Anmeldung für Mitarbeitende“ zum Ziel."},
	}
}
