package push_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/push"
	"github.com/schleuse/schleuse/extensions/apns"
	"github.com/schleuse/schleuse/extensions/fcm"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/notify"
)

const (
	android = "dQw4w9WgXcQ:APA91bH-0123456789abcdef"
	iphone  = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
)

func start(t *testing.T) (*push.Running, *extensiontest.Stage) {
	t.Helper()
	stage := extensiontest.NewStage("push")
	r, err := push.Start(t.Context(), t.TempDir(), stage.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return r, stage
}

// fcmConfig and apnsConfig are what an operator would write.
func fcmConfig(r *push.Running) string {
	return fmt.Sprintf("service_account_file: %s\nbase_url: %s", r.AccountFile, r.FCMURL)
}

func apnsConfig(r *push.Running, keyID, topic string) string {
	return fmt.Sprintf("key_file: %s\nkey_id: %s\nteam_id: %s\ntopic: %s\nbase_url: %s\nca_file: %s\nbody_key: push_body",
		r.KeyFile, keyID, push.TeamID, topic, r.APNsURL, r.AuthorityPEM)
}

func TestBothTakeWhatTheExtensionsSend(t *testing.T) {
	r, stage := start(t)
	if err := stage.Open(t, fcm.Factory(), fcmConfig(r)).Pusher.Push(t.Context(), notify.Push{Token: android, ID: "1"}); err != nil {
		t.Error(err, r.FCM.Refusals())
	}
	if err := stage.Open(t, apns.Factory(), apnsConfig(r, push.KeyID, push.Topic)).Pusher.Push(t.Context(), notify.Push{Token: iphone, ID: "1"}); err != nil {
		t.Error(err, r.APNs.Refusals())
	}
	if len(r.FCM.Messages()) != 1 || len(r.APNs.Messages()) != 1 {
		t.Errorf("%d and %d messages", len(r.FCM.Messages()), len(r.APNs.Messages()))
	}
}

func TestAPNsRefusesOthers(t *testing.T) {
	for want, c := range map[string]struct{ keyID, topic string }{
		"InvalidProviderToken":   {"XXXXXXXXXX", push.Topic},
		"DeviceTokenNotForTopic": {push.KeyID, "example.other.app"},
	} {
		r, stage := start(t)
		err := stage.Open(t, apns.Factory(), apnsConfig(r, c.keyID, c.topic)).Pusher.Push(t.Context(), notify.Push{Token: iphone, ID: "1"})
		if err == nil || !slices.Contains(r.APNs.Refusals(), want) || len(r.APNs.Messages()) != 0 {
			t.Errorf("%s: %v, %q", want, err, r.APNs.Refusals())
		}
	}
}

func TestTwoSendersWithTokensOfTheirOwnAreTooMany(t *testing.T) {
	r, stage := start(t)
	config := apnsConfig(r, push.KeyID, push.Topic)
	if err := stage.Open(t, apns.Factory(), config).Pusher.Push(t.Context(), notify.Push{Token: iphone, ID: "1"}); err != nil {
		t.Fatal(err)
	}
	stage.Clock.Pass(time.Minute)
	if err := stage.Open(t, apns.Factory(), config).Pusher.Push(t.Context(), notify.Push{Token: iphone, ID: "1"}); err == nil {
		t.Error("a new provider token within 20 minutes was taken")
	}
}

func TestFCMRefusesOthers(t *testing.T) {
	r, stage := start(t)
	raw, err := os.ReadFile(r.AccountFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]string){
		"no such account": func(m map[string]string) { m["client_email"] = "other@kasse-app.iam.gserviceaccount.com" },
		"no such key":     func(m map[string]string) { m["private_key_id"] = "other" },
		"no such address": func(m map[string]string) { m["project_id"] = "other-app" },
		"another audience": func(m map[string]string) {
			m["token_uri"] = strings.Replace(r.FCMURL, "127.0.0.1", "localhost", 1) + "/token"
		},
	} {
		var m map[string]string
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		other, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.AccountFile, other, 0o600); err != nil {
			t.Fatal(err)
		}
		err = stage.Open(t, fcm.Factory(), fcmConfig(r)).Pusher.Push(t.Context(), notify.Push{Token: android, ID: "1"})
		if err == nil || !slices.Contains(r.FCM.Refusals(), name) || len(r.FCM.Messages()) != 0 {
			t.Errorf("%s: %v, %q", name, err, r.FCM.Refusals())
		}
	}
}

func TestFCMRefusesWhatIsNoMessage(t *testing.T) {
	r, _ := start(t)
	for body, want := range map[string]string{
		`{"message":{"token":"` + android + `","unknown":1}}`:                                      "message",
		`{"message":{"token":"short","android":{"priority":"HIGH"}}}`:                              "message.token",
		`{"message":{"token":"` + android + `","android":{"priority":"high!"}}}`:                   "message.android.priority",
		`{"message":{"token":"` + android + `","data":{"from":"x"}}}`:                              "message.data",
		`{"message":{"token":"` + android + `","data":{"a":"` + strings.Repeat("x", 4097) + `"}}}`: "message.data",
		`{"message":{"token":"` + android + `","android":{"priority":"HIGH","ttl":"1m"}}}`:         "message.android.ttl",
	} {
		if got := push.Wrong([]byte(body)); got != want {
			t.Errorf("%.60s: %q, want %q", body, got, want)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.FCMURL+"/v1/projects/kasse-app/messages:send", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without an access token: %d %s", res.StatusCode, raw)
	}
}

func TestFaultsAreSwitchedFromOutside(t *testing.T) {
	r, stage := start(t)
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.FCMURL+"/control", strings.NewReader(`{"fault":"broken","times":1}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pusher := stage.Open(t, fcm.Factory(), fcmConfig(r)).Pusher
	if err := pusher.Push(t.Context(), notify.Push{Token: android, ID: "1"}); err == nil {
		t.Error("the fault is not played")
	}
	if err := pusher.Push(t.Context(), notify.Push{Token: android, ID: "1"}); err != nil {
		t.Errorf("it is played again: %v", err)
	}
}
