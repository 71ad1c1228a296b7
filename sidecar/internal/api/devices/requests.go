package devices

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type requestOut struct {
	ID        approval.ID `json:"id"`
	Request   string      `json:"request"`
	ExpiresIn int         `json:"expires_in"`
}

// request hands out what the phone shows.
func (a *desk) request(r *http.Request, p phone) (api.Reply, error) {
	id, err := approval.ParseID(r.PathValue("id"))
	if err != nil {
		return api.Reply{}, err
	}
	shown, err := a.Approvals.Open(r.Context(), p.ID, id)
	if err != nil {
		return api.Reply{}, err
	}
	expires, err := expiry(shown)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Body: requestOut{id, shown, max(0, int(expires-a.Now().Unix()))}}, nil
}

// expiry reads `exp` of a request object of our own.
func expiry(jws string) (int64, error) {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return 0, errors.New("a request object that is no JWS")
	}
	payload, err := b64.DecodeString(parts[1])
	if err != nil {
		return 0, err
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	return claims.Expires, json.Unmarshal(payload, &claims)
}

type answerIn struct {
	Answer   string         `json:"answer"`
	Password jsontext.Value `json:"password"`
	Padding  string         `json:"padding"` // makes all answers of one size
}

type decisionOut struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// answer takes a decision. What the domain calls a denial is one, and no error.
func (a *desk) answer(r *http.Request, p phone, in answerIn) (api.Reply, error) {
	id, err := approval.ParseID(r.PathValue("id"))
	if err != nil {
		return api.Reply{}, err
	}
	var password device.Sealed
	if in.Password != nil {
		if password, err = secret("/password", in.Password); err != nil {
			return api.Reply{}, err
		}
	}
	decided, err := a.Approvals.Answer(r.Context(), p.ID, id, in.Answer, password)
	if in.Password == nil && errors.Is(err, device.ErrSealed) {
		err = device.ErrFactors // an approval without its second factor
	}
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Body: decisionOut{decided.State.String(), decided.Reason}}, nil
}

type pastOut struct {
	ID         approval.ID       `json:"id"`
	Action     string            `json:"action"`
	Title      map[string]string `json:"title,omitempty"`
	State      string            `json:"state"`
	Reason     string            `json:"reason,omitempty"`
	CreatedAt  string            `json:"created_at"`
	DecidedAt  string            `json:"decided_at,omitempty"`
	ThisDevice bool              `json:"this_device"`
}

// Bounds of a page of the history.
const (
	defaultPage = 20
	maxPage     = 100
)

// history lists what the person was asked.
func (a *desk) history(r *http.Request, p phone) (api.Reply, error) {
	query, err := api.Query(r, "limit", "before")
	if err != nil {
		return api.Reply{}, err
	}
	limit := defaultPage
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPage {
			return api.Reply{}, api.Malformed("", "limit is 1 to %d", maxPage)
		}
	}
	var before approval.ID
	if text := query.Get("before"); text != "" {
		if before, err = approval.ParseID(text); err != nil {
			return api.Reply{}, api.Malformed("", "before is the id of a request")
		}
	}
	past, err := a.Approvals.History(r.Context(), p.ID, before, limit)
	if err != nil {
		return api.Reply{}, err
	}
	out := struct {
		Requests []pastOut `json:"requests"`
	}{[]pastOut{}}
	for _, item := range past {
		out.Requests = append(out.Requests, a.pastOf(item, p.ID))
	}
	return api.Reply{Body: out}, nil
}

func (a *desk) pastOf(item approval.Approval, self device.ID) pastOut {
	out := pastOut{
		ID: item.ID, Action: item.Action, Title: a.title(item.Action), State: item.StateAt(a.Now()).String(), Reason: item.Reason,
		CreatedAt: stamp(item.Created), ThisDevice: item.Device == self,
	}
	if !item.Decided.IsZero() {
		out.DecidedAt = stamp(item.Decided)
	}
	return out
}
