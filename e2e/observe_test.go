package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

// While the gate only observes, everything goes on as without it: nobody is
// asked for a number or a card, the site lets people in, and what would have
// been refused is counted.

// observer is a Schleuse that only observes, started when first needed.
type observer struct {
	*play.Schleuse
	port int
}

var observing = sync.OnceValues(func() (*observer, error) {
	dir := filepath.Join(theatre.Dir, "observing")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := stage.FreePorts()
	if err != nil {
		return nil, err
	}
	schleuse, err := theatre.Schleuse(context.Background(), play.Spec{
		Dir: dir, Port: ports.Gate(), Internal: ports.Internal(), Mode: "observe",
	})
	return &observer{schleuse, ports.Gate()}, err
})

func observed(t *testing.T) *observer {
	t.Helper()
	o, err := observing()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// visitor is a browser in front of it.
func (o *observer) visitor() *visitor.Visitor {
	v := visitor.New()
	address := strings.TrimPrefix(stage.Loopback(o.port), "http://")
	v.Dial[strings.TrimPrefix(theatre.Ports.GateURL(), "http://")] = address
	v.Dial[strings.TrimPrefix(theatre.Ports.SiteURL(), "http://")] = address
	return v
}

// counted is how often a rule would have acted.
func (o *observer) counted(t *testing.T, rule string) int {
	t.Helper()
	found := regexp.MustCompile(`schleuse_gate_observed_total\{rule="` + rule + `"\} (\d+)`).FindStringSubmatch(fetch(t, o.Internal+"/metrics"))
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// watched is a client that may do what the gate would close.
const watched = "beobachtet"

func watchedClient(t *testing.T, v *visitor.Visitor) visitor.App {
	t.Helper()
	app := visitor.App{Issuer: realmURL(), ID: watched, Secret: "beobachtet-demo-secret", RedirectURI: "http://app.localhost:9/cb", HTTP: v.HTTPClient()}
	err := theatre.Keycloak.Admin.CreateClient(t.Context(), map[string]any{
		"clientId": watched, "enabled": true, "secret": app.Secret, "standardFlowEnabled": true, "redirectUris": []string{app.RedirectURI},
		"attributes": map[string]string{"oauth2.device.authorization.grant.enabled": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := theatre.Keycloak.Admin.DeleteClient(ctx, watched); err != nil {
			t.Error(err)
		}
	})
	return app
}

// goes walks a request to its code and redeems it.
func goes(t *testing.T, v *visitor.Visitor, app visitor.App, extra url.Values, sign func(*visitor.Page) *visitor.Page) visitor.Tokens {
	t.Helper()
	request := app.Begin(extra)
	page, err := v.Open(t.Context(), request.URL, app.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	if sign != nil {
		page = sign(page)
	}
	tokens, err := app.Redeem(t.Context(), page.Query("code"), request.Verifier)
	if err != nil || tokens.AccessToken == "" {
		t.Fatalf("no tokens: %v %+v; rests at %s (%d): %s", err, tokens, page.URL.Path, page.Status, page.Text())
	}
	return tokens
}

func TestObservingHoldsNobody(t *testing.T) {
	openHouse(t)
	o, person := observed(t), newCustomer(t)
	v := o.visitor()
	page, err := v.Open(t.Context(), theatre.Ports.SiteURL()+"/postfach/")
	if err != nil {
		t.Fatal(err)
	}
	if page = signIn(t, v, page, person); page.Title() != sayInbox {
		t.Errorf("not in the WebCenter but at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	app := watchedClient(t, v)
	password := func(page *visitor.Page) *visitor.Page { return signIn(t, v, page, person, app.RedirectURI) }
	// Each way is gone by somebody who is not cleared, and the rule is counted.
	for _, way := range []struct {
		name, rule string
		walk       func(t *testing.T)
	}{
		{"single sign-on", "response", func(t *testing.T) { goes(t, v, app, nil, nil) }},
		{"prompt=none", "response", func(t *testing.T) { goes(t, v, app, url.Values{"prompt": {"none"}}, nil) }},
		{"prompt=login", "response", func(t *testing.T) { goes(t, v, app, url.Values{"prompt": {"login"}}, password) }},
		{"refresh", "token", func(t *testing.T) {
			tokens := goes(t, v, app, nil, nil)
			if renewed, err := app.Refresh(t.Context(), tokens.RefreshToken); err != nil || renewed.AccessToken == "" {
				t.Errorf("no refresh: %v %+v", err, renewed)
			}
		}},
		{"a code from past the gate", "code", func(t *testing.T) {
			beside := past(t)
			goes(t, beside, app, nil, func(page *visitor.Page) *visitor.Page { return signIn(t, beside, page, person, app.RedirectURI) })
		}},
		{"by a foreign issuer", "response", func(t *testing.T) { o.byForeignIssuer(t, app, person) }},
		{"a device", "surface", func(t *testing.T) {
			if status, err := app.PostJSON(t.Context(), "auth/device", url.Values{}, nil); err != nil || status != http.StatusOK {
				t.Errorf("the device grant answers %d, %v", status, err)
			}
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			before := o.counted(t, way.rule)
			way.walk(t)
			if o.counted(t, way.rule) == before {
				t.Errorf("what the %s rule would have done was not counted", way.rule)
			}
		})
	}
	if identified(t, person) {
		t.Error("observing identified somebody")
	}
}

// byForeignIssuer signs in at another organisation.
func (o *observer) byForeignIssuer(t *testing.T, app visitor.App, person stage.Person) {
	brokerage(t, foreignIssuer(t))
	name, v := linked(t, person), o.visitor()
	app.HTTP = v.HTTPClient()
	goes(t, v, app, url.Values{"kc_idp_hint": {"fremd"}}, func(page *visitor.Page) *visitor.Page {
		form, err := page.Form("name")
		if err != nil {
			t.Fatal(err)
		}
		if page, err = v.Submit(t.Context(), form, url.Values{"name": {name}}, app.RedirectURI); err != nil {
			t.Fatal(err)
		}
		return page
	})
}

// Observing is about what people do; the administration is nobody's way in.
func TestObservingKeepsTheAdministrationClosed(t *testing.T) {
	openHouse(t)
	v := observed(t).visitor()
	for _, path := range []string{"/admin/", "/admin/master/console/", "/admin/realms/kasse/users", "/realms/master/.well-known/openid-configuration"} {
		page, err := v.Get(t.Context(), theatre.Ports.GateURL()+path)
		if err != nil {
			t.Fatal(err)
		}
		if page.Status != http.StatusNotFound {
			t.Errorf("%s answers %d", path, page.Status)
		}
	}
}

func TestObservingLeavesStaffAlone(t *testing.T) {
	openHouse(t)
	o := observed(t)
	v := o.visitor()
	before := o.counted(t, "response")
	app := watchedClient(t, v)
	goes(t, v, app, nil, func(page *visitor.Page) *visitor.Page { return signIn(t, v, page, stage.Sabine, app.RedirectURI) })
	if o.counted(t, "response") != before {
		t.Error("it was counted as if it would have been refused")
	}
}

// ageOfCodes is how old a code may be at the gate; see zz_pause_test.go.
const ageOfCodes = time.Minute

// aged is a code that grows old beside the other tests.
var aged struct {
	app      visitor.App
	v        *visitor.Visitor
	person   stage.Person
	code     string
	verifier string
	since    time.Time
}

func TestObservingACodeThatGrowsOld(t *testing.T) {
	openHouse(t)
	aged.v, aged.person = observed(t).visitor(), lastingCustomer(t)
	aged.app = webCenter(aged.v)
	request := aged.app.Begin(nil)
	page, err := aged.v.Open(t.Context(), request.URL)
	if err != nil {
		t.Fatal(err)
	}
	page = signIn(t, aged.v, page, aged.person, aged.app.RedirectURI)
	if aged.code = page.Query("code"); aged.code == "" {
		t.Fatalf("no code; rests at %q (%d): %s", page.Title(), page.Status, page.Text())
	}
	aged.verifier, aged.since = request.Verifier, time.Now()
}
