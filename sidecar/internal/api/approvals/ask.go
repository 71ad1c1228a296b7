package approvals

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
	"github.com/schleuse/schleuse/sidecar/member"
)

// question is the body of a request for an approval.
type question struct {
	Subject struct {
		KVNR string `json:"kvnr"`
		Sub  string `json:"sub"`
	} `json:"subject"`
	Action   string            `json:"action"`
	Fields   map[string]string `json:"fields"`
	Content  string            `json:"content_sha256"`
	Lifetime int               `json:"lifetime"` // seconds
	Session  string            `json:"session"`
	Origin   string            `json:"origin"`
}

func (o *operations) ask(r *http.Request, client string, q question) (api.Reply, error) {
	request, err := q.request(client)
	if err != nil {
		return api.Reply{}, err
	}
	if request.Key, err = idempotencyKey(r); err != nil {
		return api.Reply{}, err
	}
	a, created, err := o.Service.Request(r.Context(), request)
	if err != nil {
		return api.Reply{}, refusal(err)
	}
	reply := api.Reply{Status: http.StatusOK, Body: show(a)}
	if created {
		reply.Status = http.StatusCreated
		reply.Header = http.Header{"Location": {Prefix + "/approvals/" + string(a.ID)}}
	}
	return reply, nil
}

// request parses what has a form of its own; whether it fits the action is the
// domain's question.
func (q question) request(client string) (approval.Request, error) {
	out := approval.Request{
		Client: client, Action: q.Action, Fields: q.Fields, Session: q.Session, Origin: q.Origin,
		Lifetime: time.Duration(q.Lifetime) * time.Second,
	}
	var wrong []api.Detail
	var err error
	if q.Subject.KVNR != "" {
		if out.Number, err = member.ParseKVNR(q.Subject.KVNR, false); err != nil {
			wrong = append(wrong, api.Detail{Pointer: "/subject/kvnr", Detail: "is no insurance number"})
		}
	}
	if q.Subject.Sub != "" {
		if out.Account = account.ID(q.Subject.Sub); len(q.Subject.Sub) > maxAccount || !accountForm.MatchString(q.Subject.Sub) {
			wrong = append(wrong, api.Detail{Pointer: "/subject/sub", Detail: "is no id of an account"})
		}
	}
	if q.Content != "" {
		if out.Content, err = approval.ParseHash(q.Content); err != nil {
			wrong = append(wrong, api.Detail{Pointer: "/content_sha256", Detail: "is not base64url of 32 bytes without padding"})
		}
	}
	if q.Lifetime < 0 || q.Lifetime > int(approval.MaxLifetime.Seconds()) {
		wrong = append(wrong, api.Detail{Pointer: "/lifetime", Detail: "is no number of seconds up to an hour"})
	}
	if len(wrong) > 0 {
		return out, api.Refuse(fault.Invalid, "invalid", nil, wrong...)
	}
	return out, nil
}

// accountForm is of the ids that Keycloak gives, federated users included.
var accountForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:_.@-]*$`)

const maxAccount = 255

// idempotencyKey reads the header Idempotency-Key: 1 to 255 visible ASCII
// characters. Without it a repeated request could ask a person twice.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	hidden := func(c rune) bool { return c <= ' ' || c > '~' }
	if len(values) != 1 || values[0] == "" || len(values[0]) > 255 || strings.ContainsFunc(values[0], hidden) {
		return "", api.Malformed("", "wants one header Idempotency-Key of 1 to 255 visible ASCII characters")
	}
	return values[0], nil
}

// refusal gives the domain's errors what they have to say to a client.
func refusal(err error) error {
	var wrong *approval.Invalid
	if errors.As(err, &wrong) {
		details := make([]api.Detail, 0, len(wrong.Faults))
		for _, f := range wrong.Faults {
			details = append(details, api.Detail{Pointer: f.Pointer, Detail: f.Detail})
		}
		return api.Refuse(fault.Invalid, "invalid", nil, details...)
	}
	var over *approval.Over
	if errors.As(err, &over) {
		told := api.Refuse(fault.Gone, "request_over", nil)
		told.Members = map[string]any{"state": over.State.String()}
		if over.Reason != "" {
			told.Members["reason"] = over.Reason
		}
		return told
	}
	return err
}
