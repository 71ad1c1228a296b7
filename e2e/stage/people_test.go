package stage_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/stage"
)

type realmUser struct {
	Username    string
	Credentials []struct {
		Value     string
		Temporary bool
	}
	RealmRoles             []string
	ServiceAccountClientID string
	ClientRoles            map[string][]string
}

type realm struct {
	RememberMe, RegistrationAllowed, ResetPasswordAllowed bool
	AccessCodeLifespan, SSOSessionIdleTimeout             int
	Attributes                                            map[string]string
	Users                                                 []realmUser
}

func readRealm(t *testing.T) realm {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config", "realm", "kasse-realm.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r realm
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPeopleAreThoseOfTheRealm(t *testing.T) {
	users := map[string]realmUser{}
	for _, user := range readRealm(t).Users {
		if user.ServiceAccountClientID == "" {
			users[user.Username] = user
		}
	}
	for _, person := range stage.People() {
		user, has := users[strings.ToLower(person.Number)]
		delete(users, strings.ToLower(person.Number))
		if has != person.Account {
			t.Errorf("%s: account in the realm is %t, want %t", person.Name, has, person.Account)
		}
		if !has {
			continue
		}
		if len(user.Credentials) != 1 || user.Credentials[0].Value != person.Password {
			t.Errorf("%s: the realm has another password", person.Name)
		}
		roles := strings.Join(user.RealmRoles, " ")
		if want := strings.TrimSpace("default-roles-kasse " + person.Role); roles != want {
			t.Errorf("%s: roles %q, want %q", person.Name, roles, want)
		}
	}
	if len(users) != 0 {
		t.Errorf("accounts of the realm that nobody plays: %v", users)
	}
}

func TestPeopleAgreeWithMasterData(t *testing.T) {
	file, err := stage.MembersFile()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reader := csv.NewReader(in)
	reader.Comma = ';'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cards := map[string]string{}
	for _, row := range rows[1:] {
		cards[row[0]] = row[8]
	}
	for _, person := range stage.People() {
		if person.Role == "mitarbeiter" || person.Role == "partner" || person == stage.Klara {
			if _, has := cards[person.Number]; has {
				t.Errorf("%s stands in the master data and should not", person.Name)
			}
			continue
		}
		first, _, _ := strings.Cut(cards[person.Number], ":")
		if first != person.Digits {
			t.Errorf("%s: digits %q in the master data, want %q", person.Name, first, person.Digits)
		}
	}
}

func TestNumbersHaveTheirCheckDigit(t *testing.T) {
	for _, person := range stage.People() {
		if person.Role == "mitarbeiter" || person.Role == "partner" {
			continue
		}
		if !checkDigitHolds(person.Number) {
			t.Errorf("%s: the number's check digit is wrong", person.Name)
		}
	}
}

// checkDigitHolds follows § 290 SGB V: letter as two digits, weights 1,2,1,2 …,
// sum of the digits, modulo 10.
func checkDigitHolds(number string) bool {
	letter := int(number[0]-'A') + 1
	digits := string([]byte{byte('0' + letter/10), byte('0' + letter%10)}) + number[1:9]
	sum := 0
	for place, digit := range digits {
		product := int(digit-'0') * (1 + place%2)
		sum += product/10 + product%10
	}
	return sum%10 == int(number[9]-'0')
}

func TestRealmIsSetAsTheGateNeedsIt(t *testing.T) {
	r := readRealm(t)
	if r.RememberMe || r.RegistrationAllowed || r.ResetPasswordAllowed {
		t.Error("remember-me, registration and reset by mail must be off")
	}
	if r.AccessCodeLifespan != 45*60 {
		t.Errorf("accessCodeLifespan %d s, want 45 min", r.AccessCodeLifespan)
	}
	if r.SSOSessionIdleTimeout < 60*60 {
		t.Errorf("ssoSessionIdleTimeout %d s, want 60 min at least", r.SSOSessionIdleTimeout)
	}
	if got := r.Attributes["parRequestUriLifespan"]; got != "1800" {
		t.Errorf("parRequestUriLifespan %q, want 1800", got)
	}
	for _, user := range r.Users {
		if user.ServiceAccountClientID != "schleuse" {
			continue
		}
		if got := user.ClientRoles["realm-management"]; len(got) != 1 || got[0] != "manage-users" {
			t.Errorf("schleuse has the roles %v, want manage-users alone", got)
		}
	}
}
