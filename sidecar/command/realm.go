package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak/realm"
	"github.com/schleuse/schleuse/sidecar/internal/mine"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

func (p program) realm() *cobra.Command {
	return group("realm", "Prepare the Keycloak realm behind the gate",
		`Makes in the realm what the gate needs, and nothing else: the role of the
identified, the gate's service account with manage-users alone, the sites'
clients, a client scope with the APIs' audience for the identified only,
lifetimes, no password grant, no remember-me, no user name in ID tokens.

An administrator signs in for it: a user of the realm master (or --admin-realm),
or a client with a service account. The password or secret comes from a file,
from standard input, or is asked for; never from the command line.`,
		p.realmPlan(), p.realmApply())
}

func (p program) realmPlan() *cobra.Command {
	var cf configured
	var who administrator
	c := &cobra.Command{
		Use: "plan", Short: "Show what apply would change", Args: exactly(0),
		Long:    "Shows what apply would change, and what deserves a look. Nothing is changed.",
		Example: "  schleuse realm plan --admin-user admin\n  schleuse realm plan --admin-client terraform --admin-realm kasse --admin-password-file secret.txt",
		RunE: func(cmd *cobra.Command, _ []string) error {
			diff, err := p.onRealm(cmd.Context(), &cf, &who, realm.Plan)
			if err != nil {
				return err
			}
			fmt.Fprint(p.out, diff)
			if diff.Empty() {
				fmt.Fprintln(p.out, "The realm is as it should be: nothing to change.")
				return nil
			}
			fmt.Fprintln(p.out, "Next: schleuse realm apply")
			return nil
		},
	}
	cf.flag(c)
	who.flags(c)
	return c
}

func (p program) realmApply() *cobra.Command {
	var cf configured
	var who administrator
	c := &cobra.Command{
		Use: "apply", Short: "Change what plan shows", Args: exactly(0),
		Long: `Changes what plan shows and says what it did. A secret file that is missing is
made first, with a random secret. It may be repeated after an error.`,
		Example: "  schleuse realm apply --admin-user admin",
		RunE: func(cmd *cobra.Command, _ []string) error {
			diff, err := p.onRealm(cmd.Context(), &cf, &who, func(ctx context.Context, a *realm.Admin, d realm.Desired) (realm.Diff, error) {
				if err := p.makeSecrets(&cf, &d); err != nil {
					return realm.Diff{}, err
				}
				return realm.Apply(ctx, a, d)
			})
			fmt.Fprint(p.out, diff)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%d changes made. Next: schleuse check --live\n", len(diff.Changes))
			return nil
		},
	}
	cf.flag(c)
	who.flags(c)
	return c
}

// administrator says who prepares the realm.
type administrator struct{ realm, user, client, file string }

func (a *administrator) flags(c *cobra.Command) {
	c.Flags().StringVar(&a.realm, "admin-realm", "master", "realm in which the administrator lives")
	c.Flags().StringVar(&a.user, "admin-user", "", "administrator's user name")
	c.Flags().StringVar(&a.client, "admin-client", "", "client with a service account, instead of a user")
	c.Flags().StringVar(&a.file, "admin-password-file", "", "file with the password or the client's secret; - is standard input")
}

// given reports whether an administrator was named.
func (a *administrator) given() bool { return a.user != "" || a.client != "" }

func (p program) login(a *administrator) (realm.Login, error) {
	if (a.user == "") == (a.client == "") {
		return realm.Login{}, usageError{errors.New("say who prepares the realm, with either --admin-user or --admin-client")}
	}
	password, err := p.password(a)
	if err != nil {
		return realm.Login{}, fmt.Errorf("reading the administrator's password: %w", err)
	}
	if a.client != "" {
		return realm.Login{Realm: a.realm, Client: a.client, Secret: password}, nil
	}
	return realm.Login{Realm: a.realm, User: a.user, Password: password}, nil
}

func (p program) password(a *administrator) (string, error) {
	switch a.file {
	case "":
		return p.prompt("Password of " + a.user + a.client + ": ")
	case "-":
		return secretfile.Read(p.in, "standard input")
	default:
		return secretfile.Open(a.file)()
	}
}

// prompt asks at a terminal, without an echo; elsewhere it reads a line.
func (p program) prompt(question string) (string, error) {
	f, ok := p.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return secretfile.Read(p.in, "standard input")
	}
	fmt.Fprint(p.err, question)
	typed, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(p.err)
	if err != nil {
		return "", err
	}
	return secretfile.Read(strings.NewReader(string(typed)), "the password")
}

type realmWork func(context.Context, *realm.Admin, realm.Desired) (realm.Diff, error)

// onRealm signs in and does the work on the realm of the configuration.
func (p program) onRealm(ctx context.Context, cf *configured, who *administrator, work realmWork) (realm.Diff, error) {
	cfg, err := cf.load(p.factories)
	if err != nil {
		return realm.Diff{}, err
	}
	if cfg.Gate == nil {
		return realm.Diff{}, usageError{errors.New("the configuration has no gate, so there is no realm to prepare")}
	}
	login, err := p.login(who)
	if err != nil {
		return realm.Diff{}, err
	}
	rt, err := transport(cfg.Gate.Keycloak.TLS)
	if err != nil {
		return realm.Diff{}, err
	}
	defer rt.CloseIdleConnections()
	desired, err := desire(cfg)
	if err != nil {
		return realm.Diff{}, err
	}
	admin := &realm.Admin{URL: upstream(cfg.Gate), Realm: cfg.Gate.Keycloak.Realm, Login: login, HTTP: rt, Now: p.now}
	return work(ctx, admin, desired)
}

// desire is what the configuration wants of the realm. A secret whose file is
// missing is empty.
func desire(cfg *config.Config) (realm.Desired, error) {
	g := cfg.Gate
	d := realm.Desired{
		Role: g.IdentifiedRole, ExemptRoles: g.ExemptRoles,
		PublicURL: strings.TrimRight(g.PublicURL.String(), "/"),
	}
	var err error
	if d.Gate, err = client(g.Keycloak.Client, g.Keycloak.SecretFile); err != nil {
		return d, err
	}
	ours := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Sites)) {
		s := cfg.Sites[name]
		if !ownSite(g, s) {
			continue // another provider's client
		}
		c, err := client(s.Client.ID, s.Client.SecretFile)
		if err != nil {
			return d, err
		}
		ours[c.ID] = true
		d.Sites = append(d.Sites, realm.Site{Client: c, PublicURL: strings.TrimRight(s.PublicURL.String(), "/")})
	}
	if page, err := ownPages(cfg); err != nil {
		return d, err
	} else if page != nil {
		ours[page.ID] = true
		d.Sites = append(d.Sites, *page)
	}
	if cfg.Devices != nil {
		d.Apps, d.AppsAudience = cfg.Devices.Clients, cfg.Devices.Audience
	}
	if cfg.Approvals != nil {
		d.Backends, d.BackendsAudience = slices.Sorted(maps.Keys(cfg.Approvals.Clients)), cfg.Approvals.Audience
	}
	for _, id := range slices.Sorted(maps.Keys(g.Start)) {
		if !ours[id] && !slices.Contains(g.PlainClients, id) {
			d.Numbered = append(d.Numbered, id)
		}
	}
	return d, nil
}

// ownPages is the client of the pages for people's own phones; nil: there are none.
func ownPages(cfg *config.Config) (*realm.Site, error) {
	if cfg.Devices == nil || cfg.Devices.Page == nil {
		return nil, nil
	}
	c, err := client(cfg.Devices.Page.Client.ID, cfg.Devices.Page.Client.SecretFile)
	if err != nil {
		return nil, err
	}
	at := cfg.Gate.PublicURL.Pointer()
	at.Path = ""
	return &realm.Site{Client: c, PublicURL: at.String(), Prefix: mine.Prefix, Home: mine.Home}, nil
}

// ownSite reports whether a site is a client of the gate's realm.
func ownSite(g *config.Gate, s config.Site) bool {
	return g != nil && (s.Issuer.IsZero() || s.Issuer.String() == g.Issuer())
}

func client(id, file string) (realm.Client, error) {
	s, err := secretfile.Open(file)()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return realm.Client{}, fmt.Errorf("reading the secret of client %s: %w", id, err)
	}
	return realm.Client{ID: id, Secret: s}, nil
}

// makeSecrets makes the secret files that are missing.
func (p program) makeSecrets(cf *configured, d *realm.Desired) error {
	cfg, err := config.Load(cf.file)
	if err != nil {
		return err
	}
	files := map[string]string{d.Gate.ID: cfg.Gate.Keycloak.SecretFile}
	for _, s := range cfg.Sites {
		files[s.Client.ID] = s.Client.SecretFile
	}
	if cfg.Devices != nil && cfg.Devices.Page != nil {
		files[cfg.Devices.Page.Client.ID] = cfg.Devices.Page.Client.SecretFile
	}
	clients := []*realm.Client{&d.Gate}
	for i := range d.Sites {
		clients = append(clients, &d.Sites[i].Client)
	}
	for _, c := range clients {
		if c.Secret != "" {
			continue
		}
		c.Secret = rand.Text()
		if err := writeNew(files[c.ID], c.Secret+"\n"); err != nil {
			return fmt.Errorf("making the secret of client %s: %w", c.ID, err)
		}
		fmt.Fprintf(p.out, "%s made, the secret of client %s\n", files[c.ID], c.ID)
	}
	return nil
}

// writeNew writes a file that its owner alone may read and that is not there yet.
func writeNew(file, text string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
