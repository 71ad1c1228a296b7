package nect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/flow"
)

const (
	// maxCallback is the largest callback that is taken, in bytes.
	maxCallback = 64 << 10
	// answerWithin bounds how long Nect waits for our answer to one.
	answerWithin = 900 * time.Millisecond
)

// door is where browsers come back, and where Nect calls.
type door struct {
	*step
	verifier verifier
}

func (d *door) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /return/{secret}", d.returned)
	mux.HandleFunc("GET /return", d.fixed)
	mux.HandleFunc("PUT /callback/{case}", d.called)
	mux.HandleFunc("POST /callback/{case}", d.called)
	return mux
}

// handover is shown by the page "handover", in the browser that came back and
// is not the one that began.
type handover struct {
	Code  string
	Flow  flow.Name
	Phone string
}

// returned takes a browser that comes back with the secret. The attempt's own
// goes on; another is shown the code, once.
func (d *door) returned(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		w.WriteHeader(http.StatusNoContent) // nobody has come back yet
		return
	}
	image := d.cases.imageOf(r.PathValue("secret"))
	ctx := r.Context()
	at, ok, err := d.secret(ctx, r, image)
	switch {
	case err != nil:
		d.unable(w, r, err)
	case !ok:
		d.back(w, r)
	case d.host.Return(w, withSecret(r), at.Attempt):
		// The step has noted it, unless the attempt has gone on to another way.
		if _, _, err := d.cases.use(ctx, at, image, bindHere); err != nil {
			d.host.Log.ErrorContext(ctx, "a return is not noted", "error", err)
		}
	default:
		d.elsewhere(w, r, at, image)
	}
}

// withSecret adds the secret of the address to what the step is resumed with.
func withSecret(r *http.Request) *http.Request {
	query := r.URL.Query()
	query.Set(secretField, r.PathValue("secret"))
	to := r.Clone(r.Context())
	to.URL.RawQuery, to.Form, to.PostForm = query.Encode(), nil, nil
	return to
}

// secret returns the attempt for which a secret was made. A case that is named
// beside it must be the attempt's.
func (d *door) secret(ctx context.Context, r *http.Request, image []byte) (record, bool, error) {
	if image == nil {
		return record{}, false, nil
	}
	id, err := d.cases.named(ctx, d.cases.secretKey(image))
	if err != nil || id == "" {
		return record{}, false, err
	}
	at, _, err := d.cases.of(ctx, id)
	text := r.URL.Query().Get("nectCaseId")
	named, _ := readCase(text)
	ok := same(at.Return, image) && (text == "" || named == at.Case)
	return at, ok, err
}

// elsewhere takes a browser that did not begin. What came to nothing, or came
// here before, leads back to the one that did.
func (d *door) elsewhere(w http.ResponseWriter, r *http.Request, at record, image []byte) {
	code := newCode()
	_, first, err := d.cases.use(r.Context(), at, image, func(now *record) {
		now.Code, now.CodeAt = d.cases.codeImage(*now, code), d.host.Now()
	})
	if err != nil {
		d.unable(w, r, err)
		return
	}
	if !first {
		d.back(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	d.host.Render(w, r, http.StatusOK, flow.View{Page: "handover", Data: handover{code, at.Flow, d.host.Help}})
}

// fixed takes a browser that comes back without a secret. It proves nothing;
// only the attempt's own browser is led back to it.
func (d *door) fixed(w http.ResponseWriter, r *http.Request) {
	named, ok := readCase(r.URL.Query().Get("nectCaseId"))
	if d.config.Return == Fixed && ok {
		id, err := d.cases.named(r.Context(), d.cases.caseKey(named))
		if err != nil {
			d.unable(w, r, err)
			return
		}
		if id != "" && d.host.Return(w, r, id) {
			return
		}
	}
	d.back(w, r)
}

// back shows the page that leads to the browser in which all began.
func (d *door) back(w http.ResponseWriter, r *http.Request) {
	d.host.Render(w, r, http.StatusOK, flow.View{Page: "later", Data: handover{Phone: d.host.Help}})
}

func (d *door) unable(w http.ResponseWriter, r *http.Request, err error) {
	d.host.Log.ErrorContext(r.Context(), "a return cannot be looked up", "error", err)
	d.host.Render(w, r, http.StatusServiceUnavailable, flow.View{Page: "later", Data: handover{Phone: d.host.Help}})
}

// called takes a callback. It is a hint that a case may have moved: what it
// says is not read, and the answer is the same whether there is such a case.
func (d *door) called(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(answerWithin)) // where there is a connection; the context bounds the rest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		w.WriteHeader(status)
		return
	}
	whose, err := d.verifier.verify(ctx, r.Header, body)
	switch {
	case err != nil:
		d.host.Log.ErrorContext(ctx, "a callback cannot be verified", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case whose == forged:
		d.host.Log.WarnContext(ctx, "a callback is not Nect's")
		w.WriteHeader(http.StatusUnauthorized)
		return
	case whose == genuine:
		err = d.queue(ctx, r.PathValue("case"))
		if err == nil { // only then: what is answered with 503 comes again
			err = d.verifier.taken(ctx, r.Header)
		}
	}
	if err != nil {
		d.host.Log.ErrorContext(ctx, "a callback is lost", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// queue makes sure that the case's result is asked for.
func (d *door) queue(ctx context.Context, named string) error {
	id, ok := readCase(named)
	if !ok {
		return nil
	}
	key := d.cases.caseKey(id)
	attempt, err := d.cases.named(ctx, key)
	if err != nil || attempt == "" {
		return err
	}
	r, _, err := d.cases.of(ctx, attempt)
	if err != nil || r.Case != id || r.Result.State.Final() {
		return err
	}
	taken, err := d.host.Counters.Take(ctx, d.caps.hint(r))
	if err != nil || !taken.OK {
		return err
	}
	body, err := json.Marshal(hint{attempt, id})
	if err != nil {
		return err
	}
	at := d.host.Now().UnixNano() / int64(hintPause)
	return d.host.Outbox.About(r.subject()).Put(ctx, fmt.Sprintf("%s/%d", key, at), body, caseLife)
}
