package browser

import (
	"fmt"
	"strings"
	"time"
)

// handedLimit bounds how many addresses for other programs a tab remembers.
const handedLimit = 10

// handOver remembers an address that this browser cannot open itself: it gives
// it to the program that has registered its scheme, and stays where it is.
func (t *Tab) handOver(address string) {
	scheme, _, found := strings.Cut(address, "://")
	if !found || scheme == "http" || scheme == "https" || strings.HasPrefix(scheme, "chrome") {
		return
	}
	select {
	case t.handed <- address:
	default:
	}
}

// Handed waits for the next address that the browser gives to another program,
// such as an app whose links have a scheme of their own. A form whose page has
// a form-action in its policy that does not name the scheme gives it none.
func (t *Tab) Handed() (string, error) {
	select {
	case address := <-t.handed:
		return address, nil
	case <-time.After(Patience):
		return "", fmt.Errorf("no other program is given anything within %s; %s", Patience, t.seen())
	}
}
