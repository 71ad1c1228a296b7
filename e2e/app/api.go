package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/schleuse/schleuse/sidecar/client"
)

// Bounds of calls.
const (
	bodyLimit = 8 << 10 // bytes
	textLimit = 100     // characters of a field
	waitLimit = 25 * time.Second
)

// api serves what the app calls. Calls carry the app's access token and no
// cookie, so that no other site can make them.
func (b *backend) api(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/address", b.of(b.tellAddress))
	mux.HandleFunc("POST /api/address", b.of(b.changeAddress))
	mux.HandleFunc("GET /api/address/{id}", b.of(b.tellChange))
	mux.HandleFunc("GET /api/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "not_found") })
}

// of answers for a person.
func (b *backend) of(do func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		subject, err := b.person(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `DPoP algs="ES256", error="invalid_token"`)
			refuse(w, http.StatusUnauthorized, "token")
			return
		}
		do(w, r, subject)
	}
}

func (b *backend) tellAddress(w http.ResponseWriter, _ *http.Request, subject string) {
	tell(w, http.StatusOK, b.record(subject))
}

// wanted is a change as the app asks for it.
type wanted struct {
	address
	Origin string `json:"origin"` // of the Device API's POST /self/origin; "": none
}

func (b *backend) changeAddress(w http.ResponseWriter, r *http.Request, subject string) {
	var in wanted
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "malformed")
		return
	}
	if field := in.tidied(); field != "" {
		refuse(w, http.StatusUnprocessableEntity, field)
		return
	}
	if b.Approvals == nil {
		refuse(w, http.StatusServiceUnavailable, "down")
		return
	}
	c, err := b.begin(r.Context(), subject, in.address, in.Origin)
	if err != nil {
		refusal(w, err)
		return
	}
	tell(w, http.StatusCreated, map[string]any{"id": c.ID, "request": c.Approval.ID, "code": c.Approval.MatchCode})
}

var fiveDigits = regexp.MustCompile(`^[0-9]{5}$`)

// tidied removes superfluous blanks and names the first field that is wrong.
func (in *wanted) tidied() string {
	for name, text := range map[string]*string{"street": &in.Street, "postcode": &in.Postcode, "town": &in.Town} {
		*text = strings.Join(strings.Fields(*text), " ")
		if *text == "" || utf8.RuneCountInString(*text) > textLimit || !readable(*text) {
			return name
		}
	}
	if !fiveDigits.MatchString(in.Postcode) {
		return "postcode"
	}
	return ""
}

// readable reports whether a phone can show the text as it is: no control and
// no formatting characters, which could make it look like another.
func readable(text string) bool {
	for _, r := range text {
		if r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return false
		}
	}
	return true
}

// refusal says why the person was not asked.
func refusal(w http.ResponseWriter, err error) {
	var p *client.Problem
	if !errors.As(err, &p) {
		refuse(w, http.StatusServiceUnavailable, "down")
		return
	}
	if p.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.Retry.Seconds())))
	}
	switch p.Name {
	case client.Nobody:
		refuse(w, http.StatusConflict, "nobody")
	case client.AlreadyOpen:
		refuse(w, http.StatusConflict, "elsewhere")
	case client.Paused, client.TooMany:
		refuse(w, http.StatusTooManyRequests, "paused")
	case client.BadOrigin:
		refuse(w, http.StatusConflict, "origin")
	default:
		refuse(w, http.StatusServiceUnavailable, "down")
	}
}

// tellChange says what became of a change; it waits a while for its end.
func (b *backend) tellChange(w http.ResponseWriter, r *http.Request, subject string) {
	b.mu.Lock()
	c := b.changes[r.PathValue("id")]
	b.mu.Unlock()
	if c == nil || c.Subject != subject {
		refuse(w, http.StatusNotFound, "not_found")
		return
	}
	wait := time.NewTimer(waitLimit)
	defer wait.Stop()
	select {
	case <-c.ended:
	case <-wait.C:
	case <-r.Context().Done():
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	tell(w, http.StatusOK, map[string]any{"state": c.State, "address": c.New})
}

func refuse(w http.ResponseWriter, status int, problem string) {
	tell(w, status, map[string]string{"problem": problem})
}

func tell(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(what)
}
