package app_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/device"
	"github.com/schleuse/schleuse/e2e/webcenter"
	"github.com/schleuse/schleuse/sidecar/client"
)

func moving(street string) map[string]any {
	return map[string]any{"street": street, "postcode": "26721", "town": "Emden", "origin": "opaque"}
}

func TestOnlyTheAppsOwnTokenWithAProofOfItsKeyIsTaken(t *testing.T) {
	w := newWorld(t)
	const path = "/api/address"
	good := w.token(w.claims(nil))
	proof := func(change map[string]any) string { return w.proof("GET", path, good, change) }
	spent := proof(nil)
	other, err := device.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": other.Public()},
		map[string]any{"jti": "foreign", "htm": "GET", "htu": origin + path, "iat": w.now.Unix(), "ath": device.Digest(good)})
	if err != nil {
		t.Fatal(err)
	}
	with := func(claims map[string]any) (string, string) {
		token := w.token(w.claims(claims))
		return "DPoP " + token, w.proof("GET", path, token, nil)
	}
	type sent struct{ authorization, proof string }
	pair := func(authorization, proof string) sent { return sent{authorization, proof} }
	cases := []struct {
		name string
		sent
		want int
	}{
		{"as it should be", sent{"DPoP " + good, spent}, http.StatusOK},
		{"the proof again", sent{"DPoP " + good, spent}, http.StatusUnauthorized},
		{"no token", sent{"", proof(nil)}, http.StatusUnauthorized},
		{"as a bearer token", sent{"Bearer " + good, proof(nil)}, http.StatusUnauthorized},
		{"no proof", sent{"DPoP " + good, ""}, http.StatusUnauthorized},
		{"a proof by another key", sent{"DPoP " + good, foreign}, http.StatusUnauthorized},
		{"of another method", sent{"DPoP " + good, proof(map[string]any{"htm": "POST"})}, http.StatusUnauthorized},
		{"of another address", sent{"DPoP " + good, proof(map[string]any{"htu": origin + "/api/other"})}, http.StatusUnauthorized},
		{"of another token", sent{"DPoP " + good, proof(map[string]any{"ath": device.Digest("x")})}, http.StatusUnauthorized},
		{"an old proof", sent{"DPoP " + good, proof(map[string]any{"iat": w.now.Add(-2 * time.Minute).Unix()})}, http.StatusUnauthorized},
		{"a coming proof", sent{"DPoP " + good, proof(map[string]any{"iat": w.now.Add(2 * time.Minute).Unix()})}, http.StatusUnauthorized},
		{"a proof without a name", sent{"DPoP " + good, proof(map[string]any{"jti": ""})}, http.StatusUnauthorized},
		{"over", pair(with(map[string]any{"exp": w.now.Unix() - 1})), http.StatusUnauthorized},
		{"of another realm", pair(with(map[string]any{"iss": "https://elsewhere.example"})), http.StatusUnauthorized},
		{"of another client", pair(with(map[string]any{"azp": "webcenter"})), http.StatusUnauthorized},
		{"for somebody else", pair(with(map[string]any{"aud": "schleuse"})), http.StatusUnauthorized},
		{"bound to no key", pair(with(map[string]any{"cnf": nil})), http.StatusUnauthorized},
	}
	for _, c := range cases {
		if status, told := w.send("GET", path, c.authorization, c.proof, nil); status != c.want {
			t.Errorf("%s: %d %v, want %d", c.name, status, told, c.want)
		}
	}
}

func TestAnAddressIsChangedOnceItIsApproved(t *testing.T) {
	w := newWorld(t)
	status, told := w.call("erika", "POST", "/api/address", moving("  Am   Deich 1 "))
	if status != http.StatusCreated || told["request"] != "request-1" {
		t.Fatalf("%d %v", status, told)
	}
	content := []byte(`{"v":1,"action":"adresse","sub":"erika","address":{"street":"Am Deich 1","postcode":"26721","town":"Emden"}}`)
	want := client.Question{
		Subject: client.Subject{Sub: "erika"}, Action: "adresse", Content: client.HashOf(content), Session: "app.erika", Origin: "opaque",
		Key: told["id"].(string), Fields: map[string]string{"alt": "Alte Straße 1, 10115 Berlin", "neu": "Am Deich 1, 26721 Emden"},
	}
	if diff := cmp.Diff(want, w.approvals.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if entries, err := webcenter.ReadJournal(w.journal); err != nil || len(entries) > 0 {
		t.Errorf("executed before it was approved: %v, %v", entries, err)
	}
	path := "/api/address/" + told["id"].(string)
	if status, told := w.call("bernd", "GET", path, nil); status != http.StatusNotFound {
		t.Errorf("somebody else sees %d %v", status, told)
	}
	w.approvals.end <- client.Approved
	if status, told := w.call("erika", "GET", path, nil); status != http.StatusOK || told["state"] != "done" {
		t.Errorf("%d %v", status, told)
	}
	entries, err := webcenter.ReadJournal(w.journal)
	if err != nil || len(entries) != 1 || entries[0].Content != client.HashOf(content) || entries[0].Receipt != "receipt" {
		t.Errorf("journal %+v, %v", entries, err)
	}
	if _, told := w.call("erika", "GET", "/api/address", nil); told["street"] != "Am Deich 1" {
		t.Errorf("on file %v", told)
	}
	if _, told := w.call("bernd", "GET", "/api/address", nil); told["street"] != "Alte Straße 1" {
		t.Errorf("somebody else's on file %v", told)
	}
}

func TestWhatIsNotApprovedIsNotExecuted(t *testing.T) {
	for end, want := range map[client.State]string{
		client.Denied: "denied", client.Expired: "expired", client.Cancelled: "cancelled", client.Used: "failed",
	} {
		w := newWorld(t)
		_, told := w.call("erika", "POST", "/api/address", moving("Am Deich 1"))
		w.approvals.end <- end
		if _, got := w.call("erika", "GET", "/api/address/"+told["id"].(string), nil); got["state"] != want {
			t.Errorf("%s: %v, want %s", end, got, want)
		}
		if entries, err := webcenter.ReadJournal(w.journal); err != nil || len(entries) > 0 {
			t.Errorf("%s: executed %v, %v", end, entries, err)
		}
	}
}

func TestWhyNobodyWasAsked(t *testing.T) {
	cases := []struct {
		name   string
		fault  error
		body   any
		status int
		want   string
	}{
		{"nobody", &client.Problem{Name: client.Nobody}, moving("Am Deich 1"), http.StatusConflict, "nobody"},
		{"already asked", &client.Problem{Name: client.AlreadyOpen}, moving("Am Deich 1"), http.StatusConflict, "elsewhere"},
		{"too often", &client.Problem{Name: client.TooMany, Retry: time.Minute}, moving("Am Deich 1"), http.StatusTooManyRequests, "paused"},
		{"old origin", &client.Problem{Name: client.BadOrigin}, moving("Am Deich 1"), http.StatusConflict, "origin"},
		{"away", errors.New("away"), moving("Am Deich 1"), http.StatusServiceUnavailable, "down"},
		{"no street", nil, moving(" "), http.StatusUnprocessableEntity, "street"},
		{"a street that turns around", nil, moving("Am \u202eDeich"), http.StatusUnprocessableEntity, "street"},
		{"no postcode", nil, map[string]any{"street": "a", "postcode": "267", "town": "b"}, http.StatusUnprocessableEntity, "postcode"},
		{"another member", nil, map[string]any{"sub": "bernd"}, http.StatusBadRequest, "malformed"},
	}
	for _, c := range cases {
		w := newWorld(t)
		w.approvals.fault = c.fault
		if status, told := w.call("erika", "POST", "/api/address", c.body); status != c.status || told["problem"] != c.want {
			t.Errorf("%s: %d %v, want %d %s", c.name, status, told, c.status, c.want)
		}
	}
}
