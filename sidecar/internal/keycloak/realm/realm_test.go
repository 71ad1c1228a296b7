package realm_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/keycloak/realm"
)

func desired() realm.Desired {
	return realm.Desired{
		Role: "identified", ExemptRoles: []string{"mitarbeiter", "partner"}, Gate: realm.Client{ID: "schleuse", Secret: "g"},
		Sites:    []realm.Site{{Client: realm.Client{ID: "webcenter", Secret: "w"}, PublicURL: "https://webcenter.example"}},
		Numbered: []string{"kundenapp", "andere"}, PublicURL: "https://login.example",
	}
}

func TestPlanChangesNothing(t *testing.T) {
	s := newServer()
	diff, err := realm.Plan(t.Context(), s.start(t), desired())
	if err != nil || diff.Empty() || len(s.events) != 0 {
		t.Errorf("%v, %d changes planned, changed %v", err, len(diff.Changes), s.events)
	}
	if strings.Contains(diff.String(), "geheim") {
		t.Error("the plan shows the password")
	}
}

// TestPagesOfOurOwnHaveAddressesOfTheirOwn: what the pages for people's phones
// need is not what a site needs.
func TestPagesOfOurOwnHaveAddressesOfTheirOwn(t *testing.T) {
	s := newServer()
	a, d := s.start(t), desired()
	d.Sites = append(d.Sites, realm.Site{
		Client: realm.Client{ID: "meine-geraete", Secret: "m"}, PublicURL: "https://login.example", Prefix: "/schleuse/my/", Home: "/schleuse/my/devices",
	})
	if _, err := realm.Apply(t.Context(), a, d); err != nil {
		t.Fatal(err)
	}
	c := s.clients[slices.IndexFunc(s.clients, func(c object) bool { return c["clientId"] == "meine-geraete" })]
	attributes, _ := c["attributes"].(object)
	got := []any{c["redirectUris"], c["baseUrl"], c["publicClient"], attributes["backchannel.logout.url"], attributes["post.logout.redirect.uris"]}
	want := []any{
		[]any{"https://login.example/schleuse/my/callback"}, "https://login.example/schleuse/my/devices", false,
		"https://login.example/schleuse/my/backchannel-logout", "https://login.example/schleuse/my/devices##https://login.example/schleuse/my/logged-out",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestApplyDoesWhatPlanShowsAndNothingElse(t *testing.T) {
	s := newServer()
	a := s.start(t)
	planned, err := realm.Plan(t.Context(), a, desired())
	if err != nil {
		t.Fatal(err)
	}
	done, err := realm.Apply(t.Context(), a, desired())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planned.String(), done.String()); diff != "" {
		t.Error(diff)
	}
	want := `{"accessCodeLifespan":2700,"attributes":{"cibaInterval":"9","parRequestUriLifespan":"1800"},"bruteForceProtected":true,` +
		`"directGrantFlow":"schleuse direct grant denied","realm":"kasse","rememberMe":false,"ssoSessionIdleTimeout":3600,"unheardOf":9007199254740993}`
	if diff := cmp.Diff(want, text(t, s.realm)); diff != "" {
		t.Errorf("realm: %s", diff)
	}
	if diff := cmp.Diff([]string{"manage-users"}, s.granted); diff != "" {
		t.Errorf("service account: %s", diff)
	}
	if got := text(t, s.scopes[1]["protocolMappers"]); !strings.Contains(got, `"id.token.claim":"false","x":"y"`) {
		t.Errorf("mapper: %s", got)
	}
	again, err := realm.Plan(t.Context(), a, desired())
	if err != nil || !again.Empty() {
		t.Errorf("plan after apply: %v\n%v", err, again)
	}
}

func TestInterruptedApplyGoesOnWhereItStopped(t *testing.T) {
	for _, place := range []string{
		"POST /roles", "PUT ", "POST /authentication/flows", "POST /authentication/flows/schleuse direct grant denied", "PUT /authentication",
		"POST /clients", "POST /users", "POST /client-scopes", "POST /client-scopes/s9schleuse-apis", "PUT /clients/nwebcenter", "PUT /clients/c1",
	} {
		t.Run(place, func(t *testing.T) {
			s := newServer()
			a := s.start(t)
			s.refuse = place
			if _, err := realm.Apply(t.Context(), a, desired()); err == nil {
				t.Fatal("no error")
			}
			s.refuse = ""
			if _, err := realm.Apply(t.Context(), a, desired()); err != nil {
				t.Fatal(err)
			}
			if diff, err := realm.Plan(t.Context(), a, desired()); err != nil || !diff.Empty() {
				t.Errorf("%v\n%v", err, diff)
			}
		})
	}
}

// TestTheClientForAccountsIsEnabled: the gate asks it whose a cookie is.
func TestTheClientForAccountsIsEnabled(t *testing.T) {
	s := newServer()
	a := s.start(t)
	s.clients[1]["enabled"] = false
	diff, err := realm.Apply(t.Context(), a, desired())
	if err != nil || s.clients[1]["enabled"] != true || !strings.Contains(diff.String(), "client account: enabled: false → true") {
		t.Errorf("%v, %v\n%v", err, s.clients[1], diff)
	}
	s.clients = slices.Delete(s.clients, 1, 2)
	diff, err = realm.Plan(t.Context(), a, desired())
	if err != nil || !strings.Contains(strings.Join(diff.Warnings, "\n"), `no client "account"`) {
		t.Errorf("%v, warnings %v", err, diff.Warnings)
	}
}

func TestServiceAccountLosesWhatIsTooMuch(t *testing.T) {
	s := newServer()
	a := s.start(t)
	if _, err := realm.Apply(t.Context(), a, desired()); err != nil {
		t.Fatal(err)
	}
	s.granted = []string{"realm-admin", "manage-users", "view-users"}
	diff, err := realm.Apply(t.Context(), a, desired())
	if err != nil || !slices.Equal(s.granted, []string{"manage-users"}) {
		t.Errorf("%v, granted %v\n%v", err, s.granted, diff)
	}
}

func TestLongerLifetimesStay(t *testing.T) {
	s := newServer()
	s.realm["ssoSessionIdleTimeout"] = 7200
	s.realm["attributes"] = object{"parRequestUriLifespan": "3600"}
	diff, err := realm.Plan(t.Context(), s.start(t), desired())
	if err != nil || strings.Contains(diff.String(), "ssoSessionIdleTimeout") || strings.Contains(diff.String(), "parRequestUriLifespan") {
		t.Errorf("%v\n%v", err, diff)
	}
}

func TestOnlyAFlowThatRefusesEverybodyIsLeftBound(t *testing.T) {
	deny := func(level int, requirement string) object {
		return object{"id": "e", "providerId": "deny-access-authenticator", "level": level, "requirement": requirement}
	}
	for name, tt := range map[string]struct {
		execution object
		denies    bool
	}{
		"refuses": {deny(0, "REQUIRED"), true}, "switched off": {deny(0, "DISABLED"), false}, "alternative": {deny(0, "ALTERNATIVE"), false},
		"under a condition": {deny(1, "REQUIRED"), false}, "something else": {object{"providerId": "x", "level": 0, "requirement": "REQUIRED"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			s.flows["direct grant"] = append(s.flows["direct grant"], tt.execution)
			diff, err := realm.Plan(t.Context(), s.start(t), desired())
			if err != nil || strings.Contains(diff.String(), "directGrantFlow") == tt.denies {
				t.Errorf("%v\n%v", err, diff)
			}
		})
	}
}

func TestAddressesOfTheInnerNetworkStay(t *testing.T) {
	s := newServer()
	a := s.start(t)
	if _, err := realm.Apply(t.Context(), a, desired()); err != nil {
		t.Fatal(err)
	}
	site := s.clients[slices.IndexFunc(s.clients, func(c object) bool { return c["clientId"] == "webcenter" })]
	site["rootUrl"] = "https://webcenter.example/"
	site["redirectUris"] = []any{"/schleuse/callback", "https://webcenter.example/old"}
	attributes := site["attributes"].(object)
	attributes["backchannel.logout.url"] = "http://schleuse.internal:8080/schleuse/backchannel-logout"
	attributes["post.logout.redirect.uris"] = "/##/schleuse/logged-out##https://x.example"
	if diff, err := realm.Plan(t.Context(), a, desired()); err != nil || !diff.Empty() {
		t.Errorf("%v\n%v", err, diff)
	}
	attributes["backchannel.logout.url"] = "https://elsewhere.example/logout"
	if diff, err := realm.Plan(t.Context(), a, desired()); err != nil || len(diff.Changes) != 1 {
		t.Errorf("%v\n%v", err, diff)
	}
}

func TestWarnings(t *testing.T) {
	s := newServer()
	s.realm["eventsListeners"] = []any{"jboss-logging"}
	s.realm["accessCodeLifespanLogin"] = 7201
	s.realm["loginWithEmailAllowed"] = true
	s.realm["accessCodeLifespanUserAction"] = 7200
	s.clients = append(s.clients, object{"clientId": "alt", "enabled": true, "standardFlowEnabled": true, "directAccessGrantsEnabled": true})
	diff, err := realm.Plan(t.Context(), s.start(t), desired())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`no role "partner"`, `no client "andere"`, "jboss-logging", "unmanagedAttributePolicy ENABLED", "attribute kvnr",
		"set loginWithEmailAllowed to false where nobody needs it",
		"for 7201 seconds, the gate lets none go on that is older than two hours: set accessCodeLifespanLogin",
		"password grant, which is refused: alt", "lack the scope basic: their tokens name no person (sub), so the gate refuses them: alt",
	} {
		if !slices.ContainsFunc(diff.Warnings, func(w string) bool { return strings.Contains(w, part) }) {
			t.Errorf("no warning has %q: %q", part, diff.Warnings)
		}
	}
	if strings.Contains(diff.String(), "accessCodeLifespanUserAction") {
		t.Errorf("two hours are warned of:\n%v", diff)
	}
}

func TestAdministratorWhoMayTooLittleIsTold(t *testing.T) {
	s := newServer()
	a := s.start(t)
	s.partial = true
	if _, err := realm.Plan(t.Context(), a, desired()); err == nil || !strings.Contains(err.Error(), "view-realm") {
		t.Errorf("got %v", err)
	}
	a.Login.Password = "hunter2"
	b := *a
	_, err := realm.Plan(t.Context(), &realm.Admin{URL: b.URL, Realm: b.Realm, Login: b.Login, HTTP: b.HTTP, Now: b.Now}, desired())
	var refusal *realm.Refusal
	if !errors.As(err, &refusal) || refusal.Code != http.StatusUnauthorized || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// text returns a value as JSON with sorted keys.
func text(t *testing.T, v any) string {
	t.Helper()
	switch x := v.(type) {
	case object:
		var parts []string
		for k, inner := range x {
			parts = append(parts, fmt.Sprintf("%q:%s", k, text(t, inner)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, inner := range x {
			parts = append(parts, text(t, inner))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return fmt.Sprintf("%q", x)
	default:
		return fmt.Sprint(x)
	}
}

// confirming is desired where people confirm on phones.
func confirming() realm.Desired {
	d := desired()
	d.Apps, d.AppsAudience = []string{"kundenapp", "anderes"}, "schleuse"
	d.Backends, d.BackendsAudience = []string{"backend", "kundenapp"}, "schleuse"
	return d
}

func TestAppsAndBackendsGetTheirAudiences(t *testing.T) {
	s := newServer()
	a := s.start(t)
	s.clients = append(s.clients, object{"id": "c3", "clientId": "backend", "serviceAccountsEnabled": true, "defaultClientScopes": []any{"roles"}})
	done, err := realm.Apply(t.Context(), a, confirming())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`devices.clients: the realm has no client "anderes"`, `approvals.clients: client "kundenapp" has no service account`} {
		if !strings.Contains(strings.Join(done.Warnings, "\n"), want) {
			t.Errorf("no warning %q in %q", want, done.Warnings)
		}
	}
	got := []any{
		names(s.bound["s9"+realm.PhonesScope]), names(s.bound["s9"+realm.ApprovalsScope]), names(s.mapped),
		fmt.Sprint(s.clients[2]["defaultClientScopes"]), fmt.Sprint(s.clients[3]["defaultClientScopes"]),
	}
	want := []any{
		[]string{"identified"},
		[]string{},
		[]string{realm.ApprovalsRole},
		"[basic schleuse-apis schleuse-phones]", "[roles schleuse-approvals]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if again, err := realm.Plan(t.Context(), a, confirming()); err != nil || !again.Empty() {
		t.Errorf("plan after apply: %v\n%v", err, again)
	}
	d := confirming()
	d.AppsAudience = "another"
	if changed, err := realm.Plan(t.Context(), a, d); err != nil || !strings.Contains(changed.String(), "client scope schleuse-phones: audience: another") {
		t.Errorf("another audience: %v\n%v", err, changed)
	}
}

func names(list []object) []string {
	out := []string{}
	for _, o := range list {
		out = append(out, fmt.Sprint(o["name"]))
	}
	return out
}
