package approvals

import (
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

func (o *operations) cancel(r *http.Request, client string) (api.Reply, error) {
	id, err := id(r)
	if err != nil {
		return api.Reply{}, err
	}
	a, err := o.Service.Cancel(r.Context(), client, id)
	if err != nil {
		return api.Reply{}, refusal(err)
	}
	return api.Reply{Body: show(a)}, nil
}

// claim is the body of a redemption.
type claim struct {
	Content string `json:"content_sha256"`
}

// redeemed is the answer to it.
type redeemed struct {
	Receipt string    `json:"receipt"`
	Expires time.Time `json:"expires_at"`
}

func (o *operations) redeem(r *http.Request, client string, c claim) (api.Reply, error) {
	id, err := id(r)
	if err != nil {
		return api.Reply{}, err
	}
	content, err := approval.ParseHash(c.Content)
	if err != nil {
		return api.Reply{}, api.Refuse(fault.Invalid, "invalid", nil,
			api.Detail{Pointer: "/content_sha256", Detail: "is not base64url of 32 bytes without padding"})
	}
	receipt, err := o.Service.Redeem(r.Context(), client, id, content)
	if err != nil {
		return api.Reply{}, refusal(err)
	}
	return api.Reply{Body: redeemed{receipt.JWS, whole(receipt.Expires)}}, nil
}
