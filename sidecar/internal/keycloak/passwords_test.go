package keycloak_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/account"
)

const (
	makeUser  = "POST " + "/auth/admin/realms/kasse/users"
	tooShort  = `{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 10."}`
	otherText = `{"error":"somethingElse","error_description":"a secret text"}`
)

func made(location string) []answer { return []answer{{code: 201, location: location}} }

func TestCreate(t *testing.T) {
	var (
		sameName = `{"errorMessage":"User exists with same username"}`
		sameMail = `{"errorMessage":"User exists with same email"}`
		good     = "http://127.0.0.1/admin/realms/kasse/users/" + string(anna)
	)
	tests := []struct {
		name    string
		answers []answer
		posts   int
		id      account.ID
		err     error
	}{
		{"made", made(good), 1, anna, nil},
		{"exists", refused(409, sameName), 1, "", account.ErrExists},
		{"mail of another account", append(refused(409, sameMail), made(good)...), 2, anna, nil},
		{"password refused", refused(400, tooShort), 1, "", &account.PasswordError{Key: "invalidPasswordMinLengthMessage", Numbers: []int{10}}},
		{"otherwise refused", refused(400, otherText), 1, "", errors.New("any")},
		{"no answer is not repeated", refused(500, ``), 1, "", errors.New("any")},
		{"made, without saying where", made(""), 1, "", errors.New("any")},
		{"made elsewhere", made("http://127.0.0.1/x/a?b"), 1, "", errors.New("any")},
		{"page with status 200", ok(`{}`), 1, "", errors.New("any")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := play(t, map[string][]answer{makeUser: tt.answers})
			id, err := c.Create(t.Context(), account.New{Number: number, Given: "Anna", Surname: "Beispiel", Mail: "a@kasse.example", Password: "geheim-geheim"})
			if (id != "") != (err == nil) || id != tt.id || s.count(makeUser) != tt.posts {
				t.Errorf("got %q, %v after %d posts", id, err, s.count(makeUser))
			}
			if errors.Is(tt.err, account.ErrExists) && !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			var want, got *account.PasswordError
			if errors.As(tt.err, &want) && (!errors.As(err, &got) || cmp.Diff(want, got) != "") {
				t.Errorf("got %v, want %v", err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "secret text")) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
	for _, n := range []account.New{{Number: number}, {Password: "x"}, {}} {
		s, c := play(t, nil)
		if _, err := c.Create(t.Context(), n); err == nil || len(s.asked) != 0 {
			t.Errorf("%+v: %v, asked %v", n, err, s.asked)
		}
	}
}

func TestSetPassword(t *testing.T) {
	const reset = "PUT " + users + string(anna) + "/reset-password"
	var refusal *account.PasswordError
	tests := []struct {
		name    string
		answers map[string][]answer
		puts    int
		want    func(error) bool
	}{
		{"set", map[string][]answer{rolesOf: ok(plainRoles), reset: refused(204, "")}, 1, func(err error) bool { return err == nil }},
		{"exempt", map[string][]answer{rolesOf: ok(`[{"id":"r2","name":"mitarbeiter"}]`)}, 0, func(err error) bool { return errors.Is(err, account.ErrExempt) }},
		{"nobody", map[string][]answer{rolesOf: refused(404, noUser)}, 0, func(err error) bool { return errors.Is(err, account.ErrNotFound) }},
		{"roles not known", map[string][]answer{rolesOf: refused(403, `{}`)}, 0, func(err error) bool { return err != nil }},
		{"refused", map[string][]answer{rolesOf: ok(plainRoles), reset: refused(400, tooShort)}, 1, func(err error) bool { return errors.As(err, &refusal) && refusal.Numbers[0] == 10 }},
		{"gone meanwhile", map[string][]answer{rolesOf: ok(plainRoles), reset: refused(404, noUser)}, 1, func(err error) bool { return errors.Is(err, account.ErrNotFound) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := play(t, tt.answers)
			if err := c.SetPassword(t.Context(), anna, "geheim-geheim"); !tt.want(err) || s.count(reset) != tt.puts {
				t.Errorf("got %v after %d puts", err, s.count(reset))
			}
		})
	}
}

func TestEndAllEndsOfflineSessionsToo(t *testing.T) {
	logout := "POST " + users + string(anna) + "/logout"
	s, c := play(t, map[string][]answer{
		rolesOf: ok(plainRoles), logout: refused(204, ""),
		"GET " + users + string(anna) + "/consents":            ok(`[{"additionalGrants":[{"client":"k1","key":"Offline Token"}]}]`),
		"GET " + users + string(anna) + "/offline-sessions/k1": ok(`[{"id":"s1"},{"id":"s2"}]`),
		end("s1", "false"): refused(204, ""), end("s1", "true"): refused(204, ""),
		end("s2", "false"): refused(204, ""), end("s2", "true"): refused(204, ""),
	})
	if err := c.EndAll(t.Context(), anna); err != nil || s.count(logout) != 1 || s.count(end("s1", "true")) != 1 || s.count(end("s2", "true")) != 1 {
		t.Errorf("%v, asked %v", err, s.asked)
	}
	s, c = play(t, map[string][]answer{rolesOf: ok(`[{"id":"r2","name":"mitarbeiter"}]`)})
	if err := c.EndAll(t.Context(), anna); !errors.Is(err, account.ErrExempt) || s.count(logout) != 0 {
		t.Errorf("an exempt account: %v", err)
	}
}

func end(sid, offline string) string {
	return "DELETE /auth/admin/realms/kasse/sessions/" + sid + "?isOffline=" + offline
}
