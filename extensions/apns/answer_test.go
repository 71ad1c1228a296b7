package apns_test

import (
	"testing"

	"github.com/schleuse/schleuse/extensions/apns"
)

// A registration is forgotten only when APNs itself complains of the token.
func TestOnlyAPNsSaysThatATokenIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		gone   bool
	}{
		"unregistered":       {410, `{"reason":"Unregistered","timestamp":1}`, true},
		"expired":            {410, `{"reason":"ExpiredToken"}`, true},
		"bad token":          {400, `{"reason":"BadDeviceToken"}`, true},
		"another topic":      {400, `{"reason":"DeviceTokenNotForTopic"}`, true},
		"missing topic":      {400, `{"reason":"MissingTopic"}`, false},
		"another's 410":      {410, `<html>`, false},
		"410 without reason": {410, ``, false},
		"unregistered, 400":  {400, `{"reason":"Unregistered"}`, false},
		"bad token, 500":     {500, `{"reason":"BadDeviceToken"}`, false},
		"expired sender":     {403, `{"reason":"ExpiredProviderToken"}`, false},
	} {
		if got := apns.Gone(c.status, []byte(c.body)); got != c.gone {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzReason(f *testing.F) {
	f.Add([]byte(`{"reason":"Unregistered"}`))
	f.Add([]byte("{\"reason\":\"a\\nb\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range apns.Reason(raw) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				t.Errorf("%q would be logged", c)
			}
		}
	})
}
