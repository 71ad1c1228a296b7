package approvals

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// shown is an approval as its client sees it. Of the person it says nothing:
// the client knows whom it asked.
type shown struct {
	ID        string     `json:"id"`
	Action    string     `json:"action"`
	State     string     `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	MatchCode string     `json:"match_code,omitempty"` // while pending
	Content   string     `json:"content_sha256"`
	Created   time.Time  `json:"created_at"`
	Expires   time.Time  `json:"expires_at"`
	Decided   *time.Time `json:"decided_at,omitempty"`
	Redeemed  *time.Time `json:"redeemed_at,omitempty"`
}

func show(a approval.Approval) shown {
	s := shown{
		ID: string(a.ID), Action: a.Action, State: a.State.String(), Reason: a.Reason, Content: a.Content.String(),
		Created: whole(a.Created), Expires: whole(a.Expires), Decided: known(a.Decided), Redeemed: known(a.RedeemedAt),
	}
	if a.State == approval.Pending {
		s.MatchCode = a.MatchCode
	}
	return s
}

func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = whole(t)
	return &t
}

// id reads the path. What is no id is no approval.
func id(r *http.Request) (approval.ID, error) { return approval.ParseID(r.PathValue("id")) }

// read answers at once, or as soon as the approval is not pending any more.
func (o *operations) read(w http.ResponseWriter, r *http.Request) error {
	return api.Give(o.client, func(r *http.Request, client string) (api.Reply, error) {
		q, err := api.Query(r, "wait")
		if err != nil {
			return api.Reply{}, err
		}
		patience, done, err := api.Patience(w, r, q.Get("wait"))
		if err != nil {
			return api.Reply{}, err
		}
		defer done()
		a, err := o.wait(patience, r, client, approval.Pending)
		return api.Reply{Body: show(a)}, err
	})(w, r)
}

// wait returns the approval when its state is not seen or patience has ended.
func (o *operations) wait(patience context.Context, r *http.Request, client string, seen approval.State) (approval.Approval, error) {
	id, err := id(r)
	if err != nil {
		return approval.Approval{}, err
	}
	if patience.Err() != nil {
		return o.Service.Get(r.Context(), client, id)
	}
	return o.Service.Wait(patience, client, id, seen)
}

// events tells every state from now on until a final one. An event's id is the
// state, so that a client that comes again misses none that lasted.
func (o *operations) events(w http.ResponseWriter, r *http.Request) error {
	client, err := o.client(r)
	if err != nil {
		return err
	}
	if _, err := api.Query(r); err != nil {
		return err
	}
	return api.Stream(w, r, func(patience context.Context, last string) (api.Event, error) {
		seen, _ := approval.ParseState(last) // of another word: none seen
		a, err := o.wait(patience, r, client, seen)
		if err != nil {
			return api.Event{}, err
		}
		if a.State == seen && !a.State.Final() {
			return api.Event{}, patience.Err()
		}
		return api.Event{ID: a.State.String(), Name: "state", Data: show(a), Last: a.State.Final()}, nil
	})
}

// page is a part of the list.
type page struct {
	Approvals []shown `json:"approvals"`
}

func (o *operations) list(r *http.Request, client string) (api.Reply, error) {
	values, err := api.Query(r, "state", "limit", "before")
	if err != nil {
		return api.Reply{}, err
	}
	q := approval.Query{Limit: approval.MaxList}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > approval.MaxList {
			return api.Reply{}, api.Malformed("", "limit is 1 to %d", approval.MaxList)
		}
	}
	if text := values.Get("before"); text != "" {
		if q.Before, err = approval.ParseID(text); err != nil {
			return api.Reply{}, api.Malformed("", "before is no id of an approval")
		}
	}
	if q.States, err = states(values.Get("state")); err != nil {
		return api.Reply{}, err
	}
	all, err := o.Service.List(r.Context(), client, q)
	if err != nil {
		return api.Reply{}, err
	}
	p := page{Approvals: make([]shown, 0, len(all))}
	for _, a := range all {
		p.Approvals = append(p.Approvals, show(a))
	}
	return api.Reply{Body: p}, nil
}

// states reads names of states with commas between them.
func states(text string) (out []approval.State, err error) {
	if text == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		s, err := approval.ParseState(name)
		if err != nil || slices.Contains(out, s) {
			return nil, api.Malformed("", "state is a list of different states")
		}
		out = append(out, s)
	}
	return out, nil
}

// keys publishes what receipts are verified with.
func (o *operations) keys(r *http.Request, _ struct{}) (api.Reply, error) {
	if _, err := api.Query(r); err != nil {
		return api.Reply{}, err
	}
	set := o.Service.Receipts.JWKS()
	slices.SortFunc(set.Keys, func(a, b jose.JSONWebKey) int { return strings.Compare(a.KeyID, b.KeyID) })
	return api.Reply{Body: set, Header: http.Header{"Cache-Control": {keysFor}}}, nil
}

// document gives the API's own description.
func (o *operations) document(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.Query(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", keysFor)
	w.Write(Document)
	return nil
}
