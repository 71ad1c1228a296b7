package attack_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/schleuse/schleuse/e2e/issuer"
	"github.com/schleuse/schleuse/e2e/mailbox"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

// stand is what all tests share.
type stand struct {
	*play.Play
	doors   stage.Ports    // where gates and all else of the attacks listen
	admin   *stage.Admin   // of the attacks' realm
	closed  *play.Schleuse // as operators run it: all that may be closed is closed
	open    *play.Schleuse // account, device, ciba and exchange opened
	tap     *tap           // between the closed one and Keycloak
	phone   *phone         // asked by Keycloak for CIBA
	foreign *issuer.Issuer
	mail    *mailbox.Mailbox // where Keycloak sends what it has to send
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
	here, err = setStage(ctx, dir)
	if err != nil {
		return 1, err
	}
	defer here.Keycloak.Stop()
	if err := here.furnish(ctx); err != nil {
		return 1, err
	}
	code := m.Run()
	return code, here.admin.DropRealm(ctx)
}

// setStage takes the stage that runs already, else starts a Keycloak, and
// makes a realm of the attacks' own in it: they change it as a whole.
func setStage(ctx context.Context, dir string) (*stand, error) {
	p := &play.Play{Dir: dir, Logs: filepath.Join(dir, "logs"), Binary: os.Getenv(stage.BinaryVariable)}
	if err := os.Mkdir(p.Logs, 0o700); err != nil {
		return nil, err
	}
	progress := stage.Progress{Out: os.Stderr}
	if p.Binary == "" {
		p.Binary = filepath.Join(dir, "schleuse")
		if err := play.Build(ctx, progress, p.Binary); err != nil {
			return nil, err
		}
	}
	var err error
	if p.Keycloak, p.Ports, err = stage.Running(); err != nil {
		return nil, err
	}
	if p.Keycloak == nil {
		if err := startKeycloak(ctx, p, progress); err != nil {
			return nil, err
		}
	}
	s := &stand{Play: p}
	// The addresses are Keycloak's; what listens for them may be elsewhere, so
	// that others play on the same stage at the same time.
	if s.doors, err = stage.FreePorts(); err != nil {
		return nil, err
	}
	s.admin, err = p.Keycloak.CopyRealm(ctx, realmName, p.Ports)
	return s, err
}

func startKeycloak(ctx context.Context, p *play.Play, progress stage.Progress) error {
	cache, err := stage.OpenCache(progress)
	if err != nil {
		return err
	}
	if p.Ports, err = stage.FreePorts(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.Logs, traces.KeycloakLog))
	if err != nil {
		return err
	}
	p.Keycloak, err = cache.StartKeycloak(ctx, stage.KeycloakSpec{Ports: p.Ports, Log: log, Arguments: []string{
		"--spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri=" + stage.Loopback(p.Ports.Home()) + "/ciba",
	}})
	return err
}

// furnish starts what stands beside Keycloak, and sets the realm up for all
// ways in.
func (s *stand) furnish(ctx context.Context) error {
	var err error
	s.phone = &phone{}
	if err := play.Serve(ctx, s.Ports.Home(), s.phone); err != nil {
		return err
	}
	if s.foreign, err = issuer.New(s.doors.IssuerURL(), "keycloak", "foreign-secret"); err != nil {
		return err
	}
	if err := play.Serve(ctx, s.doors.Issuer(), s.foreign.Handler()); err != nil {
		return err
	}
	s.mail = &mailbox.Mailbox{}
	if err := s.mail.Open(ctx, s.doors.Mail()); err != nil {
		return err
	}
	if s.tap, err = newTap(s.Keycloak.URL); err != nil {
		return err
	}
	if err := play.Serve(ctx, s.tapPort(), s.tap); err != nil {
		return err
	}
	if err := s.setClients(ctx); err != nil {
		return err
	}
	if s.closed, err = s.start(ctx, "closed", play.Spec{Port: s.doors.Gate(), Internal: s.doors.Internal(), KeycloakURL: stage.Loopback(s.tapPort())}, ""); err != nil {
		return err
	}
	s.open, err = s.start(ctx, "open", play.Spec{Port: s.openPort(), Internal: s.doors.Internal() + 5},
		"  open: [account, device, ciba, exchange]\n  grants: {attack-web: [device, ciba, exchange]}\n")
	return err
}

func (s *stand) openPort() int { return s.doors.Partner() }

func (s *stand) tapPort() int { return s.doors.Postgres() }

// start runs one Schleuse in a folder of this name, with more in its gate. All
// speak for the same public address.
func (s *stand) start(ctx context.Context, name string, spec play.Spec, more string) (*play.Schleuse, error) {
	dir := filepath.Join(s.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	members := filepath.Join(dir, "people.csv")
	if err := writePeople(members); err != nil {
		return nil, err
	}
	spec.Dir, spec.Realm = dir, realmName
	spec.Edit = func(config []byte) []byte {
		for old, replacement := range map[string]string{
			"\ninternal:":                     "\ntrusted_proxies: [127.0.0.1/32]\ninternal:",
			"plain_clients: [partnerportal]":  "plain_clients: [partnerportal, attack-plain]",
			"  flows:\n":                      more + "  flows:\n",
			filepath.Join(dir, "members.csv"): members,
		} {
			config = bytes.Replace(config, []byte(old), []byte(replacement), 1)
		}
		return config
	}
	return s.Schleuse(ctx, spec)
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
