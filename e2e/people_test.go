package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

// house is the Schleuse that most tests go through, started when first needed.
var house = sync.OnceValues(func() (*play.Schleuse, error) {
	dir := filepath.Join(theatre.Dir, "house")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return theatre.Schleuse(context.Background(), play.Spec{Dir: dir})
})

// open returns the running Schleuse.
func openHouse(t *testing.T) *play.Schleuse {
	t.Helper()
	schleuse, err := house()
	if err != nil {
		t.Fatal(err)
	}
	return schleuse
}

// born counts the people whom tests have made.
var born atomic.Int64

// masterData guards the file of master data, and who was added to it.
var (
	masterData sync.Mutex
	made       []stage.Person
)

// codes are those of letters and of Nect's that tests have met: words in each
// spelling, and digits.
var codes struct {
	sync.Mutex
	words, digits []string
}

// met notes a code, so that zz_traces_test.go looks for it.
func met(code string) string {
	codes.Lock()
	defer codes.Unlock()
	if bare := strings.ReplaceAll(code, "-", ""); bare != code {
		codes.words = append(codes.words, code, bare)
	} else {
		codes.digits = append(codes.digits, code, code[:len(code)/2]+" "+code[len(code)/2:])
	}
	return code
}

// allSecrets is all that may stand in no log, metric and address.
func allSecrets() traces.Secrets {
	words := []string{chosenPassword}
	for _, person := range madePeople() {
		words = append(words, surnameOf(person), mailOf(person))
	}
	codes.Lock()
	defer codes.Unlock()
	return traces.Of(append(stage.People(), madePeople()...)).And(append(words, codes.words...), codes.digits)
}

// madePeople lists whom tests have made.
func madePeople() []stage.Person {
	masterData.Lock()
	defer masterData.Unlock()
	return slices.Clone(made)
}

// newCustomer makes an insured person of the test's own, with account and card.
func newCustomer(t *testing.T) stage.Person {
	t.Helper()
	person := lastingCustomer(t)
	leaveAfter(t, person)
	return person
}

// leaveAfter takes the person's account away when the test ends.
func leaveAfter(t *testing.T, person stage.Person) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := theatre.Keycloak.Admin.DeleteUser(ctx, person.Number); err != nil {
			t.Error(err)
		}
	})
}

// lastingCustomer is one whom other tests may meet again.
func lastingCustomer(t *testing.T) stage.Person {
	t.Helper()
	person := nextPerson()
	inMasterData(t, person)
	withAccount(t, person)
	return person
}

// customerOnFile is somebody with an account whom the master data know by this
// status and these cards; without a status they do not know them.
func customerOnFile(t *testing.T, status, cards string) stage.Person {
	t.Helper()
	person := nextPerson()
	person.Digits = ""
	masterData.Lock()
	made = append(made, person)
	if status != "" {
		inFile(t, openHouse(t).Members, onFile(person, status, cards))
	}
	masterData.Unlock()
	withAccount(t, person)
	leaveAfter(t, person)
	return person
}

func nextPerson() stage.Person {
	n := born.Add(1)
	return stage.Person{
		Name: fmt.Sprintf("Test Person %d", n), Number: numberOf('T', 10_000_000+n),
		Password: fmt.Sprintf("Geheim-genug-%d", n), Digits: fmt.Sprintf("%04d", 1000+n), Account: true,
	}
}

func withAccount(t *testing.T, person stage.Person) {
	t.Helper()
	if err := theatre.Keycloak.Admin.CreateUser(t.Context(), person.Number, person.Password); err != nil {
		t.Fatal(err)
	}
}

// inMasterData adds the person to the file that the running Schleuse reads.
func inMasterData(t *testing.T, person stage.Person) {
	t.Helper()
	masterData.Lock()
	defer masterData.Unlock()
	made = append(made, person)
	inFile(t, openHouse(t).Members, insured(person))
}

// insured is the line of somebody insured who has a card.
func insured(person stage.Person) string {
	return onFile(person, "active", person.Digits+":2020-01-01:active")
}

func onFile(person stage.Person, status, cards string) string {
	return fmt.Sprintf("%s;%s;Person;Test;;1970-01-01;10115;;%s\n", person.Number, status, cards)
}

// inFile adds a line to a file of master data, as an export would: by
// renaming a finished one over it.
func inFile(t *testing.T, file, line string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := file + ".part"
	if err := os.WriteFile(part, append(text, line...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, file); err != nil {
		t.Fatal(err)
	}
}

// numberOf completes an insurance number with its check digit (§ 290 SGB V).
func numberOf(letter byte, serial int64) string {
	place := int(letter-'A') + 1
	digits := fmt.Sprintf("%02d%08d", place, serial)
	sum := 0
	for i, digit := range digits {
		product := int(digit-'0') * (1 + i%2)
		sum += product/10 + product%10
	}
	return fmt.Sprintf("%c%08d%d", letter, serial, sum%10)
}

// identified says whether Keycloak has the role for the person.
func identified(t *testing.T, person stage.Person) bool {
	t.Helper()
	has, err := theatre.Keycloak.Admin.HasRole(t.Context(), person.Number, "identified")
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// sessions counts the person's sessions at Keycloak.
func sessions(t *testing.T, person stage.Person) int {
	t.Helper()
	n, err := theatre.Keycloak.Admin.Sessions(t.Context(), person.Number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withoutNumber takes an insurance number out of a text, grouped as pages show it.
func withoutNumber(text, number string) string {
	grouped := number[:4] + " " + number[4:7] + " " + number[7:]
	return strings.ReplaceAll(text, grouped, "NUMBER")
}
