package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak/realm"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
	"github.com/schleuse/schleuse/sidecar/internal/server"
)

// liveDeadline bounds all live checks together.
const liveDeadline = 30 * time.Second

func (p program) check() *cobra.Command {
	var cf configured
	var who administrator
	var live bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration and what it names", Args: exactly(0),
		Long: `Reads the configuration as serve does, every extension's part included, and the
files it names. With --live it also asks Keycloak, as the gate's own account, and
the database. With an administrator it also looks at the realm: whether it is as
realm apply makes it, and what deserves a look (who administers it, what its
event log records, clients that use what the gate closes). Nothing is changed.`,
		Example: "  schleuse check --config schleuse.yaml\n  schleuse check --live\n  schleuse check --live --admin-user admin",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := cf.load(p.factories)
			if err != nil {
				return err
			}
			p.say(cfg)
			err = errors.Join(checkFiles(cfg), checkExtensionFiles(cfg, p.factories))
			if live {
				ctx, cancel := context.WithTimeout(cmd.Context(), liveDeadline)
				defer cancel()
				err = errors.Join(err, p.checkLive(ctx, cfg))
			}
			if who.given() {
				err = errors.Join(err, p.checkRealm(cmd.Context(), &cf, &who))
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s is well\n", cf.file)
			return nil
		},
	}
	cf.flag(c)
	who.flags(c)
	c.Flags().BoolVar(&live, "live", false, "also ask Keycloak and the database")
	return c
}

// say tells what is allowed and deserves a second thought.
func (p program) say(cfg *config.Config) {
	for _, w := range server.Warnings(cfg, p.factories) {
		fmt.Fprintln(p.out, "warning: "+w)
	}
	if cfg.Gate != nil {
		fmt.Fprintf(p.out, "note: the gate's account may set every password of realm %s: let its administrators live in another realm\n",
			cfg.Gate.Keycloak.Realm)
	}
}

// checkRealm looks at the realm as an administrator.
func (p program) checkRealm(ctx context.Context, cf *configured, who *administrator) error {
	diff, err := p.onRealm(ctx, cf, who, realm.Plan)
	if err != nil {
		return fmt.Errorf("realm: %w", err)
	}
	for _, w := range diff.Warnings {
		fmt.Fprintln(p.out, "warning: realm: "+w)
	}
	if !diff.Empty() {
		return fmt.Errorf("realm: %d changes are to be made: see schleuse realm plan", len(diff.Changes))
	}
	fmt.Fprintln(p.out, "realm: ok")
	return nil
}

// checkFiles reads every file that the configuration names.
func checkFiles(cfg *config.Config) error {
	var errs []error
	add := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	_, err := keyring.Load(cfg.KeysFile)
	add("keys_file", err)
	if t := cfg.Listen.TLS; t != nil {
		_, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		add("listen.tls", err)
	}
	add("brand.logo_file", readable(cfg.Brand.LogoFile))
	add("brand.css_file", readable(cfg.Brand.CSSFile))
	if g := cfg.Gate; g != nil {
		add("gate.keycloak.secret_file", secret(g.Keycloak.SecretFile, true))
		_, err := transport(g.Keycloak.TLS)
		add("gate.keycloak.tls", err)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Sites)) {
		site := cfg.Sites[name]
		add("sites."+name+".client.secret_file", secret(site.Client.SecretFile, ownSite(cfg.Gate, site)))
	}
	return errors.Join(errs...)
}

// secret reads a client's secret. That of a client of the gate's own realm is
// made by another command.
func secret(file string, own bool) error {
	_, err := secretfile.Open(file)()
	if own && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: schleuse realm apply makes it", err)
	}
	return err
}

// checkExtensionFiles reads what the parts of extensions name, as they do.
func checkExtensionFiles(cfg *config.Config, factories []extension.Factory) error {
	var errs []error
	cfg.EachExtension(func(key string, e config.Extension) {
		i := slices.IndexFunc(factories, func(f extension.Factory) bool { return f.Kind == e.Kind })
		if i < 0 {
			return
		}
		if err := checkParts(factories[i], e.Decode); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	})
	return errors.Join(errs...)
}

func checkParts(f extension.Factory, decode func(any) error) error {
	var errs []error
	if f.Files != nil {
		for _, file := range f.Files(decode) {
			errs = append(errs, readable(file))
		}
	}
	if err := errors.Join(errs...); err != nil || f.Read == nil {
		return err
	}
	return f.Read(decode)
}

func readable(file string) error {
	if file == "" {
		return nil
	}
	_, err := os.ReadFile(file)
	return err
}

// checkLive asks what the configuration only names.
func (p program) checkLive(ctx context.Context, cfg *config.Config) error {
	var errs []error
	say := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
			return
		}
		fmt.Fprintln(p.out, what+": ok")
	}
	say("database", p.checkStore(ctx, cfg))
	if cfg.Gate != nil {
		say("Keycloak's Admin API", p.checkAdmin(ctx, cfg))
		say("issuer", p.checkIssuer(ctx, cfg))
	}
	return errors.Join(errs...)
}

// checkStore reads one entry, which also shows that the keys are the database's.
func (p program) checkStore(ctx context.Context, cfg *config.Config) error {
	s, err := p.openStore(ctx, cfg)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(p.out, "note: there is no database yet: the first schleuse serve makes it")
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.Audit().Tail(ctx, 1)
	return errors.Join(err, s.Close())
}
