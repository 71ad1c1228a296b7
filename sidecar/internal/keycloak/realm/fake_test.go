package realm_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/keycloak/realm"
)

type object = map[string]any

// server is as much of a Keycloak as the preparation of a realm touches.
type server struct {
	mu      sync.Mutex
	realm   object
	roles   map[string]object
	scopes  []object
	clients []object
	flows   map[string][]object // executions
	granted []string            // realm-management roles of the service account
	bound   map[string][]object // realm roles of a scope, by its id
	mapped  []object            // realm roles of service accounts
	events  []string            // what was changed
	refuse  string              // prefix of "METHOD path" that gets 500
	partial bool                // the administrator sees seven keys of the realm
	signIns int
}

func newServer() *server {
	return &server{
		bound: map[string][]object{},
		realm: object{
			"realm": "kasse", "accessCodeLifespan": 60, "ssoSessionIdleTimeout": 1800, "rememberMe": true, "directGrantFlow": "direct grant",
			"unheardOf": 9007199254740993, "attributes": object{"parRequestUriLifespan": "60", "cibaInterval": "9"}, "bruteForceProtected": true,
		},
		roles: map[string]object{"mitarbeiter": {"id": "r0", "name": "mitarbeiter"}},
		scopes: []object{
			{"id": "s1", "name": "basic"},
			{"id": "s2", "name": "profile", "protocolMappers": []any{object{
				"id": "m1", "name": "username", "config": object{"claim.name": "preferred_username", "id.token.claim": "true", "x": "y"},
			}}},
		},
		clients: []object{
			{"id": "c0", "clientId": "realm-management"},
			{"id": "c2", "clientId": "account", "enabled": true},
			{"id": "c1", "clientId": "kundenapp", "defaultClientScopes": []any{"basic"}},
		},
		flows: map[string][]object{"direct grant": {{"id": "e0", "providerId": "direct-grant-validate-username", "level": 0, "requirement": "REQUIRED"}}},
	}
}

func (s *server) start(t *testing.T) *realm.Admin {
	t.Helper()
	mux := http.NewServeMux()
	s.routes(mux)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		place := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/auth/admin/realms/kasse")
		if s.refuse != "" && strings.HasPrefix(place, s.refuse) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/token") {
			s.events = append(s.events, place)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL + "/auth")
	if err != nil {
		t.Fatal(err)
	}
	return &realm.Admin{URL: u, Realm: "kasse", Login: realm.Login{User: "admin", Password: "geheim"}, HTTP: http.DefaultTransport, Now: time.Now}
}

func (s *server) routes(mux *http.ServeMux) {
	handle := func(pattern string, f func(r *http.Request, in object) any) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /auth/admin/realms/kasse"+path, func(w http.ResponseWriter, r *http.Request) {
			var in any
			decoder := json.NewDecoder(r.Body)
			decoder.UseNumber()
			decoder.Decode(&in)
			o, _ := in.(object)
			if list, ok := in.([]any); ok && len(list) > 0 {
				o, _ = list[0].(object)
			}
			out := f(r, o)
			if out == nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			json.NewEncoder(w).Encode(out)
		})
	}
	mux.HandleFunc("POST /auth/realms/master/protocol/openid-connect/token", func(w http.ResponseWriter, r *http.Request) {
		s.signIns++
		if r.PostFormValue("password") != "geheim" {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"error":"invalid_grant","error_description":"Invalid user credentials"}`))
			return
		}
		w.Write([]byte(`{"access_token":"t","expires_in":60}`))
	})
	s.realmRoutes(handle)
	s.scopeRoutes(handle)
	s.clientRoutes(handle)
}

type handler func(pattern string, f func(r *http.Request, in object) any)

func (s *server) realmRoutes(handle handler) {
	handle("GET ", func(*http.Request, object) any {
		if s.partial {
			return object{"realm": "kasse"}
		}
		return s.realm
	})
	handle("PUT ", func(_ *http.Request, in object) any { s.realm = in; return object{} })
	handle("GET /roles/{name}", func(r *http.Request, _ object) any { return orNil(s.roles[r.PathValue("name")]) })
	handle("POST /roles", func(_ *http.Request, in object) any {
		in["id"] = "r1"
		s.roles[in["name"].(string)] = in
		return object{}
	})
	handle("GET /authentication/flows", func(*http.Request, object) any {
		var out []object
		for _, alias := range slices.Sorted(maps.Keys(s.flows)) {
			out = append(out, object{"alias": alias})
		}
		return out
	})
	handle("POST /authentication/flows", func(_ *http.Request, in object) any { s.flows[in["alias"].(string)] = []object{}; return object{} })
	handle("GET /authentication/flows/{alias}/executions", func(r *http.Request, _ object) any { return s.flows[r.PathValue("alias")] })
	handle("PUT /authentication/flows/{alias}/executions", func(r *http.Request, in object) any {
		s.flows[r.PathValue("alias")] = []object{in}
		return object{}
	})
	handle("POST /authentication/flows/{alias}/executions/execution", func(r *http.Request, in object) any {
		s.flows[r.PathValue("alias")] = []object{{"id": "e1", "providerId": in["provider"], "level": 0, "requirement": "DISABLED"}}
		return object{}
	})
	handle("GET /users/profile", func(*http.Request, object) any {
		return object{"unmanagedAttributePolicy": "ENABLED", "attributes": []object{{"name": "kvnr", "permissions": object{"edit": []string{"user"}}}}}
	})
}

func (s *server) scopeRoutes(handle handler) {
	handle("GET /client-scopes", func(*http.Request, object) any { return s.scopes })
	handle("GET /default-default-client-scopes", func(*http.Request, object) any { return []object{{"name": "basic"}, {"name": "roles"}} })
	handle("POST /client-scopes", func(_ *http.Request, in object) any {
		in["id"] = "s9" + in["name"].(string)
		s.scopes = append(s.scopes, in)
		return object{}
	})
	handle("PUT /client-scopes/{id}/protocol-mappers/models/{mapper}", func(_ *http.Request, in object) any {
		s.scopes[1]["protocolMappers"] = []any{in}
		return object{}
	})
	handle("GET /client-scopes/{id}/scope-mappings/realm", func(r *http.Request, _ object) any {
		return append([]object{}, s.bound[r.PathValue("id")]...)
	})
	handle("POST /client-scopes/{id}/scope-mappings/realm", func(r *http.Request, in object) any {
		s.bound[r.PathValue("id")] = append(s.bound[r.PathValue("id")], in)
		return object{}
	})
	handle("GET /users/{id}/role-mappings/realm", func(*http.Request, object) any { return append([]object{}, s.mapped...) })
	handle("POST /users/{id}/role-mappings/realm", func(_ *http.Request, in object) any { s.mapped = append(s.mapped, in); return object{} })
}

func (s *server) clientRoutes(handle handler) {
	handle("GET /clients", func(r *http.Request, _ object) any {
		id := r.URL.Query().Get("clientId")
		return slices.DeleteFunc(slices.Clone(s.clients), func(c object) bool { return id != "" && c["clientId"] != id })
	})
	handle("POST /clients", func(_ *http.Request, in object) any {
		in["id"] = "n" + in["clientId"].(string)
		in["defaultClientScopes"] = []any{"basic", "roles"}
		s.clients = append(s.clients, in)
		return object{}
	})
	handle("PUT /clients/{id}", func(r *http.Request, in object) any {
		s.clients[slices.IndexFunc(s.clients, func(c object) bool { return c["id"] == r.PathValue("id") })] = in
		return object{}
	})
	handle("PUT /clients/{id}/default-client-scopes/{scope}", func(r *http.Request, _ object) any {
		for _, c := range s.clients {
			if c["id"] == r.PathValue("id") {
				list, _ := c["defaultClientScopes"].([]any)
				c["defaultClientScopes"] = append(list, s.named(r.PathValue("scope")))
			}
		}
		return object{}
	})
	handle("GET /clients/{id}/service-account-user", func(*http.Request, object) any { return object{"id": "u1"} })
	handle("GET /clients/{id}/roles/{role}", func(r *http.Request, _ object) any { return object{"id": "x", "name": r.PathValue("role")} })
	handle("GET /clients/{id}/roles/{role}/users", func(*http.Request, object) any { return []object{{"id": "u1", "username": "service-account-schleuse"}} })
	handle("GET /users/{id}/role-mappings/clients/{client}", func(*http.Request, object) any {
		out := []object{}
		for _, name := range s.granted {
			out = append(out, object{"name": name})
		}
		return out
	})
	handle("POST /users/{id}/role-mappings/clients/{client}", func(_ *http.Request, in object) any {
		s.granted = append(s.granted, in["name"].(string))
		return object{}
	})
	handle("DELETE /users/{id}/role-mappings/clients/{client}", func(_ *http.Request, in object) any {
		s.granted = slices.DeleteFunc(s.granted, func(n string) bool { return n == in["name"] })
		return object{}
	})
}

func (s *server) named(id string) string {
	for _, scope := range s.scopes {
		if scope["id"] == id {
			return scope["name"].(string)
		}
	}
	return ""
}

func orNil(o object) any {
	if o == nil {
		return nil
	}
	return o
}
