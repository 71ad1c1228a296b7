package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/fault"
)

// answer is how a kind of failure is told: status (RFC 9110 section 15) and
// the catalogue key of its title and general explanation.
type answer struct {
	status int
	key    string
}

// answerTo is the one table from kinds to statuses.
func answerTo(k fault.Kind) answer {
	table := map[fault.Kind]answer{
		fault.Invalid:         {http.StatusBadRequest, "invalid"},
		fault.Unauthenticated: {http.StatusUnauthorized, "unauthenticated"},
		fault.Forbidden:       {http.StatusForbidden, "forbidden"},
		fault.NotFound:        {http.StatusNotFound, "not_found"},
		fault.Conflict:        {http.StatusConflict, "conflict"},
		fault.Gone:            {http.StatusGone, "gone"},
		fault.TooLarge:        {http.StatusRequestEntityTooLarge, "too_large"},
		fault.TooMany:         {http.StatusTooManyRequests, "too_many"},
		fault.BadUpstream:     {http.StatusBadGateway, "bad_upstream"},
		fault.Timeout:         {http.StatusGatewayTimeout, "timeout"},
		fault.Unavailable:     {http.StatusServiceUnavailable, "unavailable"},
	}
	if a, ok := table[k]; ok {
		return a
	}
	return answer{http.StatusInternalServerError, "internal"}
}

// failure is the data of the core page "error".
type failure struct {
	Title, Text string
	Status      int
	Retry       time.Duration
	Soon        bool // it may work in a while
	Again       bool // the same request may simply be repeated then
}

// Error answers with a failure: a page for browsers, RFC 9457 JSON for all
// who do not ask for HTML. A fault.Error says its kind, its explanation (the
// text error.KEY of the core, else that of its kind) and when to come again;
// everything else is internal, and only the log sees why. Both carry the same
// reference. ways are quiet links; the operator's own site is always offered.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, err error, ways ...Link) {
	var known *fault.Error
	if !errors.As(err, &known) {
		known = fault.New(fault.Internal, "internal", err)
	}
	if opened := p.opened(); opened != nil {
		p.log().Error("there are no pages", "error", opened, "instead of", err)
		secure(w.Header(), "")
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	a := answerTo(known.Kind)
	words := p.translator("", p.Language(r))
	f := failure{Status: a.status, Retry: known.Retry}
	f.Title, _ = words.find("error."+a.key+".title", nil)
	if title, ok := words.find("error."+known.Key+".title", nil); ok {
		f.Title = title
	}
	var ok bool
	if f.Text, ok = words.find("error."+known.Key, nil); !ok {
		f.Text, _ = words.find("error."+a.key, nil)
	}
	f.Soon = a.status >= http.StatusInternalServerError || known.Kind == fault.TooMany
	f.Again = f.Soon && r.Method == http.MethodGet
	reference := newReference()
	p.record(r.Context(), reference, a.status, known, err)
	if known.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((known.Retry+time.Second-1)/time.Second))))
	}
	if !wantsHTML(r) {
		problem(w, r, f, known.Key, reference)
		return
	}
	p.errorPage(w, r, f, reference, ways)
}

func (p *Pages) errorPage(w http.ResponseWriter, r *http.Request, f failure, reference string, ways []Link) {
	body, policy, err := p.render(r, Page{Name: "error", Data: f, Ways: ways, Fixed: r.Method != http.MethodGet}, reference)
	if err != nil { // a defect of the core's own page; the person still gets an answer
		p.log().Error("rendering the error page", "reference", reference, "error", err)
		secure(w.Header(), "")
		http.Error(w, f.Title+"\n"+reference, f.Status)
		return
	}
	secure(w.Header(), policy)
	p.send(w, r, f.Status, body)
}

// record writes the failure to the log. It names no path and no address: what
// people type may stand there.
func (p *Pages) record(ctx context.Context, reference string, status int, known *fault.Error, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		level = slog.LevelDebug // the browser went away
	}
	p.log().Log(ctx, level, "answered with a failure",
		"reference", reference, "status", status, "key", known.Key, "error", err.Error())
}

func (p *Pages) log() *slog.Logger {
	if p.Log != nil {
		return p.Log
	}
	return slog.Default()
}

// problem answers in the form of RFC 9457.
func problem(w http.ResponseWriter, r *http.Request, f failure, key, reference string) {
	h := w.Header()
	secure(h, "")
	h.Set("Content-Type", "application/problem+json")
	body, err := json.Marshal(map[string]any{
		"type": "urn:schleuse:problem:" + key, "title": f.Title, "detail": f.Text,
		"status": f.Status, "instance": "urn:schleuse:reference:" + reference,
	})
	if err != nil {
		body = []byte("{}")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// wantsHTML reports whether the client names HTML in Accept, as browsers do
// when they navigate; fetch and most programs send */* or nothing.
func wantsHTML(r *http.Request) bool {
	for _, v := range r.Header.Values("Accept") {
		if strings.Contains(v, "text/html") || strings.Contains(v, "application/xhtml+xml") {
			return true
		}
	}
	return false
}

// newReference draws what a person can read to somebody over the phone: eight
// letters and digits without those that sound or look alike, 40 bits.
func newReference() string {
	var raw [5]byte
	rand.Read(raw[:])
	s := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(raw[:])
	return s[:4] + "-" + s[4:]
}
