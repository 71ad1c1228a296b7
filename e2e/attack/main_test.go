package attack_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/e2e/issuer"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

// stand is what all tests share.
type stand struct {
	*play.Play
	admin   *stage.Admin
	closed  *play.Schleuse // as operators run it: all that may be closed is closed
	open    *play.Schleuse // account, device, ciba and exchange opened
	tap     *tap           // between the closed one and Keycloak
	phone   *phone         // asked by Keycloak for CIBA
	foreign *issuer.Issuer
}

var here *stand

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "schleuse-attack-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	p, err := setStage(ctx, dir)
	if err != nil {
		return 1, err
	}
	if os.Getenv("SCHLEUSE_STAGE") == "" {
		defer p.Keycloak.Stop()
	}
	here = &stand{Play: p, admin: p.Keycloak.Admin}
	if err := here.furnish(ctx); err != nil {
		return 1, err
	}
	defer here.clear()
	return m.Run(), nil
}

// setStage starts Keycloak and builds the binary, or takes those that are there.
func setStage(ctx context.Context, dir string) (*play.Play, error) {
	p := &play.Play{Dir: dir, Binary: os.Getenv("SCHLEUSE_BINARY")}
	if p.Binary == "" {
		p.Binary = filepath.Join(dir, "schleuse")
		root, err := stage.Root()
		if err != nil {
			return nil, err
		}
		build := exec.CommandContext(ctx, "go", "build", "-o", p.Binary, "./sidecar/cmd/schleuse")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	if base, err := strconv.Atoi(os.Getenv("SCHLEUSE_STAGE")); err == nil {
		p.Ports = stage.PortsFrom(base)
		url := p.Ports.KeycloakURL()
		p.Keycloak = &stage.Keycloak{URL: url, Admin: &stage.Admin{URL: url, Realm: stage.Realm}}
		return p, nil
	}
	var err error
	if p.Ports, err = stage.FreePorts(); err != nil {
		return nil, err
	}
	if p.Cache, err = stage.OpenCache(stage.Progress{Out: os.Stderr}); err != nil {
		return nil, err
	}
	p.Keycloak, err = p.Cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: p.Ports, Arguments: []string{
		"--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri=" + stage.Loopback(p.Ports.Home()) + "/ciba",
	}})
	return p, err
}

// furnish starts what stands beside Keycloak, and sets the realm up for all
// ways in.
func (s *stand) furnish(ctx context.Context) error {
	var err error
	s.phone = &phone{}
	if err := play.Serve(ctx, s.Ports.Home(), s.phone); err != nil {
		return err
	}
	if s.foreign, err = issuer.New(s.Ports.IssuerURL(), "keycloak", "foreign-secret"); err != nil {
		return err
	}
	if err := play.Serve(ctx, s.Ports.Issuer(), s.foreign.Handler()); err != nil {
		return err
	}
	if s.tap, err = newTap(s.Keycloak.URL); err != nil {
		return err
	}
	if err := play.Serve(ctx, s.tapPort(), s.tap); err != nil {
		return err
	}
	s.clear()
	if err := s.setClients(ctx); err != nil {
		return err
	}
	if s.closed, err = s.start(ctx, "closed", s.Ports.Gate(), s.Ports.Internal(), stage.Loopback(s.tapPort()), ""); err != nil {
		return err
	}
	s.open, err = s.start(ctx, "open", s.openPort(), s.Ports.Internal()+5, "",
		"  open: [account, device, ciba, exchange]\n  grants: {attack-web: [device, ciba, exchange]}\n")
	return err
}

func (s *stand) openPort() int { return s.Ports.Partner() }

func (s *stand) tapPort() int { return s.Ports.Postgres() }

// start runs one Schleuse. Both speak for the same public address.
func (s *stand) start(ctx context.Context, name string, port, internal int, keycloak, more string) (*play.Schleuse, error) {
	dir := filepath.Join(s.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	members := filepath.Join(dir, "people.csv")
	if err := writePeople(members); err != nil {
		return nil, err
	}
	return s.Schleuse(ctx, play.Spec{Dir: dir, Port: port, Internal: internal, KeycloakURL: keycloak, Edit: func(config []byte) []byte {
		for old, replacement := range map[string]string{
			"\ninternal:":                     "\ntrusted_proxies: [127.0.0.1/32]\ninternal:",
			"plain_clients: [partnerportal]":  "plain_clients: [partnerportal, attack-plain]",
			"  flows:\n":                      more + "  flows:\n",
			filepath.Join(dir, "members.csv"): members,
		} {
			config = bytes.Replace(config, []byte(old), []byte(replacement), 1)
		}
		return config
	}})
}

// writePeople gives everybody a card in the master data.
func writePeople(path string) error {
	rows := []byte("kvnr;status;surname;given;birth_name;birth_date;postcode;mail;cards\n")
	for i := range people {
		rows = fmt.Appendf(rows, "%s;active;Angriff;Test;;1980-01-01;10115;;%s:2022-01-01:active\n", number(i), digits)
	}
	return os.WriteFile(path, rows, 0o600)
}

// clients of the attacks: one that may do everything Keycloak knows, and
// variants of it.
func (s *stand) setClients(ctx context.Context) error {
	for name, edit := range map[string]func(client, attributes map[string]any){
		"attack-web":   func(_, _ map[string]any) {},
		"attack-plain": func(_, _ map[string]any) {},
		"attack-consent": func(c, _ map[string]any) {
			c["consentRequired"] = true
		},
		"attack-par": func(_, a map[string]any) {
			a["require.pushed.authorization.requests"] = "true"
		},
	} {
		attributes := map[string]any{
			"oauth2.device.authorization.grant.enabled": "true", "oidc.ciba.grant.enabled": "true",
			"ciba.backchannel.token.delivery.mode": "poll", "standard.token.exchange.enabled": "true",
			"post.logout.redirect.uris": "+", "use.refresh.tokens": "true",
		}
		client := map[string]any{
			"clientId": name, "enabled": true, "publicClient": false, "secret": clientSecret,
			"standardFlowEnabled": true, "implicitFlowEnabled": true, "directAccessGrantsEnabled": true,
			"serviceAccountsEnabled": true, "redirectUris": []string{redirectURI}, "webOrigins": []string{"+"},
			"attributes":          attributes,
			"defaultClientScopes": []string{"basic", "profile", "email", "roles", "web-origins", "acr"}, "optionalClientScopes": []string{"offline_access"},
		}
		edit(client, attributes)
		if err := s.admin.CreateClient(ctx, client); err != nil {
			return err
		}
	}
	_, err := s.admin.Do(ctx, http.MethodPost, "identity-provider/instances", map[string]any{
		"alias": "fremd", "providerId": "oidc", "enabled": true, "trustEmail": true, "hideOnLogin": true,
		"config": map[string]string{
			"issuer": s.foreign.URL, "clientId": s.foreign.ClientID, "clientSecret": s.foreign.Secret,
			"authorizationUrl": s.foreign.URL + "/authorize", "tokenUrl": s.foreign.URL + "/token",
			"jwksUrl": s.foreign.URL + "/jwks", "userInfoUrl": s.foreign.URL + "/userinfo",
			"useJwksUrl": "true", "validateSignature": "true", "clientAuthMethod": "client_secret_post", "defaultScope": "openid",
		},
	}, nil)
	return err
}

// clear takes away what the attacks put into the realm.
func (s *stand) clear() {
	ctx := context.Background()
	var users []struct{ Username string }
	if _, err := s.admin.Do(ctx, http.MethodGet, "users?max=1000&search=t9", nil, &users); err == nil {
		for _, u := range users {
			if strings.HasPrefix(u.Username, "t9") {
				s.admin.DeleteUser(ctx, u.Username)
			}
		}
	}
	for _, c := range []string{"attack-web", "attack-plain", "attack-consent", "attack-par"} {
		s.admin.DeleteClient(ctx, c)
	}
	s.admin.Do(ctx, http.MethodDelete, "identity-provider/instances/fremd", nil, nil)
}
