package stage

// Person is somebody who plays a part, with all that they would type.
type Person struct {
	Case     string `json:"case"` // what this person is there for
	Name     string `json:"name"`
	Number   string `json:"number"` // KVNR, or the user name of staff and partners
	Password string `json:"password,omitempty"`
	Digits   string `json:"digits,omitempty"` // last four of the card number
	Account  bool   `json:"account"`          // has an account in the realm
	Role     string `json:"role,omitempty"`   // realm role from the start
}

// The people who are named in tests and on the demo's home page. Who they are
// to Keycloak stands in config/realm, who they are to the insurer in members.csv.
var (
	Anna   = Person{Case: "Konto und Karte, noch nicht ausgewiesen", Name: "Anna Beispiel", Number: "A123456780", Password: "Anna-geht-schwimmen", Digits: "0042", Account: true}
	Bernd  = Person{Case: "Konto und Karte, ein zweiter Kunde", Name: "Bernd Muster", Number: "B123456782", Password: "Bernd-backt-Brot", Digits: "5678", Account: true}
	Dora   = Person{Case: "Konto, keine Karte hinterlegt", Name: "Dora Ohnekarte", Number: "D202601019", Password: "Dora-malt-Bilder", Account: true}
	Emil   = Person{Case: "Konto, neue Karte unterwegs", Name: "Emil Neukarte", Number: "E202601024", Password: "Emil-faehrt-Rad", Digits: "1111", Account: true}
	Frieda = Person{Case: "Anfangspasswort aus dem Brief, nie benutzt", Name: "Frieda Brief", Number: "F202601038", Password: "Anfang-2026-Brief", Digits: "7070", Account: true}
	Gustav = Person{Case: "Konto, nicht mehr versichert", Name: "Gustav Gegangen", Number: "G202601042", Password: "Gustav-zieht-um", Digits: "3030", Account: true}
	Hanna  = Person{Case: "Konto, schon ausgewiesen", Name: "Hanna Fertig", Number: "H202601057", Password: "Hanna-liest-gern", Digits: "4040", Account: true, Role: "identified"}
	Jonas  = Person{Case: "Konto, Karte gesperrt und keine neue", Name: "Jonas Gesperrt", Number: "J202601063", Password: "Jonas-sucht-Karte", Digits: "5050", Account: true}
	Klara  = Person{Case: "Konto, den Stammdaten unbekannt", Name: "Klara Unbekannt", Number: "K202601077", Password: "Klara-kennt-keiner", Account: true}
	Ludwig = Person{Case: "Konto, verstorben", Name: "Ludwig Verstorben", Number: "L202601081", Password: "Ludwig-war-hier", Digits: "6060", Account: true}
	Paula  = Person{Case: "Konto, gesetzlich vertreten", Name: "Paula Vertreten", Number: "P202601092", Password: "Paula-hat-Hilfe", Digits: "9090", Account: true}
	Mia    = Person{Case: "neu, noch kein Konto", Name: "Mia Sophie Neumann", Number: "M123456785", Digits: "8080"}
	Nils   = Person{Case: "neu, noch kein Konto, hat für Nect kein Smartphone", Name: "Nils Neuhaus", Number: "N202601111", Digits: "8181"}
	Rosa   = Person{Case: "zu jung für ein eigenes Konto", Name: "Rosa Jung", Number: "R202601108", Digits: "1212"}
	Zoe    = Person{Case: "Versicherung beginnt erst", Name: "Zoe Später", Number: "Z000000005", Digits: "3434"}
	Sabine = Person{Case: "Mitarbeiterin", Name: "Sabine Schmidt", Number: "s.schmidt", Password: "Sabine-hat-Dienst", Account: true, Role: "mitarbeiter"}
	Peter  = Person{Case: "Partner (Praxis)", Name: "Peter Praxis", Number: "p.praxis", Password: "Peter-impft-heute", Account: true, Role: "partner"}
)

// People lists everybody.
func People() []Person {
	return []Person{
		Anna, Bernd, Dora, Emil, Frieda, Gustav, Hanna, Jonas,
		Klara, Ludwig, Paula, Mia, Nils, Rosa, Zoe, Sabine, Peter,
	}
}

// Client credentials of config/realm; they open loopback ports only.
const (
	WebCenterSecret = "webcenter-demo-secret"
	DevicesSecret   = "meine-geraete-demo-secret"
	PartnerSecret   = "partnerportal-demo-secret"
	SchleuseSecret  = "schleuse-demo-secret"
	NectKey         = "nect-demo-key"
	BackendSecret   = "backend-demo-secret"
)

// MembersFile is the path of the demo's master data in the tree.
func MembersFile() (string, error) { return inRoot("e2e", "stage", "members.csv") }
