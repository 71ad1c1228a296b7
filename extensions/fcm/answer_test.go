package fcm_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/schleuse/schleuse/extensions/fcm"
)

const (
	fcmError   = `{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"`
	badRequest = `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"`
)

func failure(details string) string { return `{"error":{"code":1,"details":[` + details + `]}}` }

// A registration is forgotten only when FCM itself complains of the token: what
// is wrong on our side, or in between, must not cost everybody theirs.
func TestOnlyFCMSaysThatATokenIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		gone   bool
	}{
		"unregistered":           {404, failure(fcmError + `UNREGISTERED"}`), true},
		"another project":        {404, failure(""), false},
		"a proxy's 404":          {404, `<html>`, false},
		"unregistered at 500":    {500, failure(fcmError + `UNREGISTERED"}`), false},
		"invalid token":          {400, failure(fcmError + `INVALID_ARGUMENT"}`), true},
		"the token's field":      {400, failure(badRequest + `message.token"}]}`), true},
		"invalid data":           {400, failure(badRequest + `message.data[0].value"}]}`), false},
		"both, and data is it":   {400, failure(fcmError + `INVALID_ARGUMENT"},` + badRequest + `message.data[0].value"}]}`), false},
		"invalid, nobody's":      {400, failure(""), false},
		"another type of detail": {404, failure(`{"@type":"x","errorCode":"UNREGISTERED"}`), false},
		"another sender":         {403, failure(fcmError + `SENDER_ID_MISMATCH"}`), false},
		"null":                   {404, `null`, false},
	} {
		if got := fcm.Gone(c.status, []byte(c.body)); got != c.gone {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(http.StatusNotFound, []byte(failure(fcmError+`UNREGISTERED"}`)))
	f.Add(http.StatusBadRequest, []byte(failure(badRequest+`message.token"}]}`)))
	f.Add(http.StatusOK, []byte(`{"access_token":"t","expires_in":3600,"token_type":"Bearer"}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		if fcm.Gone(status, raw) && (status != 404 && status != 400 || !json.Valid(raw)) {
			t.Errorf("gone by %d %q", status, raw)
		}
		if token, err := fcm.Token(raw); (err == nil) != (token != "") {
			t.Errorf("token %q, %v", token, err)
		}
	})
}
