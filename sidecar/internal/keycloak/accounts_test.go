package keycloak_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
)

func TestFind(t *testing.T) {
	const find = "GET /auth/admin/realms/kasse/users?briefRepresentation=true&exact=true&max=2&username=a123456780"
	tests := []struct {
		name, body string
		want       account.Account
		err        error
	}{
		{"one", `[{"id":"` + string(anna) + `","username":"a123456780","enabled":true}]`, account.Account{ID: anna, Username: "a123456780", Enabled: true}, nil},
		{"none", `[]`, account.Account{}, account.ErrNotFound},
		{"another", `[{"id":"x","username":"a1234567801"}]`, account.Account{}, account.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := play(t, map[string][]answer{find: ok(tt.body)})
			got, err := c.Find(t.Context(), number)
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("%s, error %v", diff, err)
			}
		})
	}
	s, c := play(t, nil)
	if _, err := c.Find(t.Context(), ""); !errors.Is(err, account.ErrNotFound) || len(s.asked) != 0 {
		t.Errorf("an empty number: %v, asked %v", err, s.asked)
	}
}

func TestGrant(t *testing.T) {
	const (
		available = "GET " + users + string(anna) + "/role-mappings/realm/available"
		post      = "POST " + users + string(anna) + "/role-mappings/realm"
	)
	all := ok(`[{"id":"r9","name":"partner"},{"id":"r1","name":"identified"}]`)
	tests := []struct {
		name    string
		answers map[string][]answer
		posts   int
		good    bool
		err     error
	}{
		{"given", map[string][]answer{rolesOf: ok(plainRoles), available: all, post: refused(204, "")}, 1, true, nil},
		{"there already", map[string][]answer{rolesOf: ok(`[{"id":"r1","name":"identified"}]`)}, 0, true, nil},
		{"exempt", map[string][]answer{rolesOf: ok(`[{"id":"r2","name":"mitarbeiter"}]`)}, 0, false, account.ErrExempt},
		{"no account", map[string][]answer{rolesOf: refused(404, noUser)}, 0, false, account.ErrNotFound},
		{"no role in the realm", map[string][]answer{rolesOf: ok(plainRoles), available: ok(plainRoles)}, 0, false, nil},
		{"refused", map[string][]answer{rolesOf: ok(plainRoles), available: all, post: refused(403, `{}`)}, 1, false, nil},
		{"given by somebody else meanwhile", map[string][]answer{rolesOf: append(ok(plainRoles), ok(`[{"id":"r1","name":"identified"}]`)...), available: all, post: refused(400, `{}`)}, 1, true, nil},
		{"given by somebody else before", map[string][]answer{rolesOf: append(ok(plainRoles), ok(`[{"id":"r1","name":"identified"}]`)...), available: ok(plainRoles)}, 0, true, nil},
		{"page with status 200", map[string][]answer{rolesOf: ok(plainRoles), available: all, post: ok(`{}`)}, 1, false, nil},
		{"redirect", map[string][]answer{rolesOf: ok(plainRoles), available: all, post: refused(302, ``)}, 1, false, nil},
		{"no answer is not repeated", map[string][]answer{rolesOf: ok(plainRoles), available: all, post: refused(500, ``)}, 1, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := play(t, tt.answers)
			err := c.Grant(t.Context(), anna)
			if (err == nil) != tt.good || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("got %v", err)
			}
			if got := s.count(post); got != tt.posts {
				t.Errorf("posted %d times, want %d", got, tt.posts)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	find := func(field, name string) string {
		return "GET /auth/admin/realms/kasse/users?briefRepresentation=true&" + field + "exact=true&max=2" + name
	}
	answers := map[string][]answer{
		find("", "&username=s.schmidt"):            ok(`[{"id":"x","username":"s.schmidt"}]`),
		find("", "&username=anna%40kasse.example"): ok(`[]`),
		find("email=anna%40kasse.example&", ""):    ok(`[{"id":"` + string(anna) + `","username":"a123456780"}]`),
		find("", "&username=nobody"):               ok(`[]`),
	}
	for name, want := range map[string][]account.Account{
		"S.Schmidt":          {{ID: "x", Username: "s.schmidt"}},
		"Anna@kasse.example": {{ID: anna, Username: "a123456780"}},
		"nobody":             nil, "": nil, strings.Repeat("long", 64): nil,
	} {
		_, c := play(t, answers)
		if got, err := c.Named(t.Context(), name); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
	_, c := play(t, map[string][]answer{find("", "&username=nobody"): refused(500, "")})
	if _, err := c.Named(t.Context(), "nobody"); err == nil {
		t.Error("no error though nothing was learnt")
	}
}

func TestWithdraw(t *testing.T) {
	const remove = "DELETE " + users + string(anna) + "/role-mappings/realm"
	both := ok(`[{"id":"r1","name":"identified"},{"id":"r2","name":"mitarbeiter"}]`)
	for name, tt := range map[string]struct {
		answers map[string][]answer
		removed int
		good    bool
		err     error
	}{
		"taken":      {map[string][]answer{rolesOf: ok(`[{"id":"r1","name":"identified"}]`), remove: refused(204, "")}, 1, true, nil},
		"not there":  {map[string][]answer{rolesOf: ok(plainRoles)}, 0, true, nil},
		"exempt":     {map[string][]answer{rolesOf: both}, 0, false, account.ErrExempt},
		"no account": {map[string][]answer{rolesOf: refused(404, noUser)}, 0, false, account.ErrNotFound},
		"refused":    {map[string][]answer{rolesOf: ok(`[{"id":"r1","name":"identified"}]`), remove: refused(403, `{}`)}, 1, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := play(t, tt.answers)
			err := c.Withdraw(t.Context(), anna)
			if (err == nil) != tt.good || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("got %v", err)
			}
			if got := s.count(remove); got != tt.removed {
				t.Errorf("removed %d times, want %d", got, tt.removed)
			}
		})
	}
}

func TestAuthenticatorsAreAllButThePassword(t *testing.T) {
	credentials := "GET " + users + string(anna) + "/credentials"
	remove := func(id string) string { return "DELETE " + users + string(anna) + "/credentials/" + id }
	body := ok(`[{"id":"c0","type":"password","createdDate":1795500757771},{"id":"c1","type":"otp","userLabel":"Telefon","createdDate":1795500757771},{"id":"c2","type":"otp"},{"id":"c3","type":"otp","createdDate":0}]`)
	links := "GET " + users + string(anna) + "/federated-identity"
	unlink := "DELETE " + users + string(anna) + "/federated-identity/fremd"
	s, c := play(t, map[string][]answer{
		rolesOf: ok(plainRoles), credentials: body, links: ok(`[{"identityProvider":"fremd","userId":"x","userName":"ottilie"}]`),
		remove("c1"): {{code: 204}, {code: 404, body: `{"error":"Credential not found"}`}}, unlink: {{code: 204}, {code: 404, body: `{"error":"Link not found"}`}},
	})
	got, err := c.Authenticators(t.Context(), anna)
	want := []account.Authenticator{
		{ID: "c1", Type: "otp", Label: "Telefon", Created: time.UnixMilli(1795500757771)},
		{ID: "c2", Type: "otp"},
		{ID: "c3", Type: "otp"}, // of unknown age, not of 1970
		{ID: "identity-provider.fremd", Type: "identity-provider", Label: "fremd, ottilie"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s, error %v", diff, err)
	}
	for _, id := range []string{"c1", "c1", "c0", "c7", "../../x", "identity-provider.fremd", "identity-provider.fremd", "identity-provider.other"} {
		if err := c.RemoveAuthenticator(t.Context(), anna, id); err != nil {
			t.Errorf("removing %s: %v", id, err)
		}
	}
	if s.count(remove("c1")) != 2 || s.count(remove("c0")) != 0 || s.count(unlink) != 2 {
		t.Errorf("asked %v", s.asked)
	}
	_, c = play(t, map[string][]answer{rolesOf: ok(`[{"id":"r2","name":"mitarbeiter"}]`)})
	if err := c.RemoveAuthenticator(t.Context(), anna, "c1"); !errors.Is(err, account.ErrExempt) {
		t.Errorf("removing from an exempt account: %v, want ErrExempt", err)
	}
}

func TestAlive(t *testing.T) {
	var (
		sessions = "GET " + users + string(anna) + "/sessions"
		consents = "GET " + users + string(anna) + "/consents"
		offline  = "GET " + users + string(anna) + "/offline-sessions/k1"
		held     = `[{"id":"s1","userId":"` + string(anna) + `"}]`
		grants   = `[{"clientId":"app","additionalGrants":[{"client":"k1","key":"Offline Token"}]},{"clientId":"other"}]`
	)
	tests := []struct {
		name    string
		answers map[string][]answer
		want    bool
		good    bool
	}{
		{"online", map[string][]answer{sessions: ok(held)}, true, true},
		{"offline", map[string][]answer{sessions: ok(`[]`), consents: ok(grants), offline: ok(held)}, true, true},
		{"neither", map[string][]answer{sessions: ok(`[{"id":"s2","userId":"` + string(anna) + `"}]`), consents: ok(`[]`)}, false, true},
		{"another person's", map[string][]answer{sessions: ok(`[{"id":"s1","userId":"b"}]`), consents: ok(`[]`)}, false, true},
		{"no account", map[string][]answer{sessions: refused(404, noUser)}, false, true},
		{"unknown online", map[string][]answer{sessions: refused(500, ``)}, false, false},
		{"unknown offline", map[string][]answer{sessions: ok(`[]`), consents: ok(`{}`)}, false, false},
		{"unknown for the client", map[string][]answer{sessions: ok(`[]`), consents: ok(grants), offline: refused(404, `{"error":"Client not found"}`)}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := play(t, tt.answers)
			got, err := c.Alive(t.Context(), anna, "s1")
			if got != tt.want || (err == nil) != tt.good {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestBegan(t *testing.T) {
	const sessions = "GET " + users + string(anna) + "/sessions"
	for name, tc := range map[string]struct {
		answer []answer
		want   time.Time
		good   bool
	}{
		"online":        {ok(`[{"id":"s1","userId":"` + string(anna) + `","start":1796119200000}]`), time.Unix(1796119200, 0), true},
		"without start": {ok(`[{"id":"s1","userId":"` + string(anna) + `"}]`), time.Time{}, true},
		"another":       {ok(`[{"id":"s2","userId":"` + string(anna) + `","start":1796119200000}]`), time.Time{}, true},
		"no account":    {refused(404, noUser), time.Time{}, true},
		"unknown":       {refused(500, ``), time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := play(t, map[string][]answer{sessions: tc.answer})
			got, err := c.Began(t.Context(), anna, "s1")
			if !got.Equal(tc.want) || (err == nil) != tc.good {
				t.Errorf("got %v, %v, want %v", got, err, tc.want)
			}
		})
	}
}

func TestEndEndsOnlineAndOffline(t *testing.T) {
	const (
		online  = "DELETE /auth/admin/realms/kasse/sessions/s1?isOffline=false"
		offline = "DELETE /auth/admin/realms/kasse/sessions/s1?isOffline=true"
		none    = `{"error":"Sesssion not found"}`
	)
	tests := []struct {
		name            string
		online, offline []answer
		good            bool
	}{
		{"both", refused(204, ""), refused(204, ""), true},
		{"online alone", refused(204, ""), refused(404, none), true},
		{"offline alone", refused(404, none), refused(204, ""), true},
		{"gone", refused(404, none), refused(404, none), true},
		{"spelt rightly", refused(404, `{"error":"Session not found"}`), refused(204, ""), true},
		{"other 404", refused(404, `{"error":"Realm not found."}`), refused(204, ""), false},
		{"offline fails", refused(204, ""), refused(500, ""), false},
		{"page with status 200", ok(`{}`), refused(204, ""), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := play(t, map[string][]answer{online: tt.online, offline: tt.offline})
			if err := c.End(t.Context(), "s1"); (err == nil) != tt.good {
				t.Errorf("got %v", err)
			}
			if tt.good && (s.count(online) != 1 || s.count(offline) != 1) {
				t.Errorf("asked %v", s.asked)
			}
		})
	}
}
