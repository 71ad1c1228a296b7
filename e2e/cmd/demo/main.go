// Command demo plays the whole piece in one terminal: Keycloak, Schleuse, the
// WebCenter, the partner portal and a home page that says whom one can be. It
// runs until it is interrupted and leaves nothing running.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/schleuse/schleuse/e2e/home"
	"github.com/schleuse/schleuse/e2e/mailbox"
	"github.com/schleuse/schleuse/e2e/nect"
	"github.com/schleuse/schleuse/e2e/partner"
	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/visitor"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Whatever fails because it was asked to stop is no failure.
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	begun := time.Now()
	ports, err := stage.PortsFromEnvironment()
	if err != nil {
		return err
	}
	dir, err := freshFolder()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keycloakLog, err := os.Create(filepath.Join(dir, "keycloak.log"))
	if err != nil {
		return err
	}
	defer keycloakLog.Close()
	set, err := play.Set(ctx, play.Settings{Ports: ports, Dir: dir, Progress: stage.Progress{Out: os.Stderr}, Log: keycloakLog})
	if err != nil {
		return err
	}
	defer set.Close()
	return perform(ctx, set, begun)
}

// perform starts what stands around Keycloak and waits for the end.
func perform(ctx context.Context, set *play.Play, begun time.Time) error {
	log, err := os.Create(filepath.Join(set.Dir, "schleuse.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	mail := &mailbox.Mailbox{}
	if err := mail.Open(ctx, set.Ports.Mail()); err != nil {
		return err
	}
	schleuse, err := set.Schleuse(ctx, play.Spec{Dir: set.Dir, Log: log, NectURL: set.Ports.NectURL()})
	if err != nil {
		return err
	}
	defer schleuse.Stop()
	if err := identify(ctx, set.Ports, schleuse); err != nil {
		return err
	}
	content := home.DemoContent(set.Ports)
	page := &home.Home{
		Content: content, Mail: mail, Letters: home.Letters(os.DirFS(filepath.Join(set.Dir, play.LettersFolder))),
		Tail: func(ctx context.Context) ([]home.Entry, error) { return tail(ctx, set, schleuse) },
	}
	if err := open(ctx, set, page); err != nil {
		return err
	}
	if err := tell(set, content, time.Since(begun)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "demo: stopping …")
		return nil
	case <-schleuse.Done():
		return fmt.Errorf("schleuse ended by itself:\n%s", schleuse.Tail())
	case <-set.Keycloak.Done():
		return fmt.Errorf("Keycloak ended by itself:\n%s", set.Keycloak.Tail()) //nolint:staticcheck // a name
	}
}

// identify plays the identification service.
func identify(ctx context.Context, ports stage.Ports, schleuse *play.Schleuse) error {
	_, err := nect.Start(ctx, nect.Settings{
		Addr: fmt.Sprintf("127.0.0.1:%d", ports.Nect()), URL: ports.NectURL(), APIKey: stage.NectKey, Members: schleuse.Members,
	})
	return err
}

// open serves the partner portal, the Kunden-App and the home page.
func open(ctx context.Context, set *play.Play, page *home.Home) error {
	portal := partner.New(partner.Settings{
		Issuer: set.Ports.GateURL() + "/realms/" + stage.Realm, ClientID: "partnerportal", Secret: stage.PartnerSecret,
		URL: set.Ports.PartnerURL(), HTTP: visitor.New().HTTPClient(),
	})
	if err := play.Serve(ctx, set.Ports.Partner(), portal); err != nil {
		return err
	}
	app, err := set.App(visitor.New().HTTPClient().Transport, filepath.Join(set.Dir, play.AppJournalFile))
	if err != nil {
		return err
	}
	if err := play.Serve(ctx, set.Ports.App(), app); err != nil {
		return err
	}
	return play.Serve(ctx, set.Ports.Home(), page.Handler())
}

// tell writes demo.json and says where to look.
func tell(set *play.Play, content home.Content, took time.Duration) error {
	everything := map[string]any{
		"home": set.Ports.HomeURL(), "gate": set.Ports.GateURL(), "webcenter": set.Ports.SiteURL(),
		"app": set.Ports.AppURL(), "partnerportal": set.Ports.PartnerURL(), "internal": stage.Loopback(set.Ports.Internal()),
		"journal":  filepath.Join(set.Dir, play.JournalFile),
		"keycloak": map[string]string{"url": set.Keycloak.URL, "realm": stage.Realm, "admin": stage.AdminName, "password": stage.AdminPassword},
		"roles":    content.Roles, "links": content.Links, "people": content.People,
	}
	text, err := json.MarshalIndent(everything, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(set.Dir, "demo.json")
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Printf("\nReady after %d s. Open %s in Chromium or Firefox.\nThe same in %s. Ctrl-C ends everything.\n\n",
		int(took.Seconds()), set.Ports.HomeURL(), file)
	return nil
}

// freshFolder empties DEMO_DIR, or .demo in the tree: Keycloak begins anew at
// each start, so must everything that remembers its people.
func freshFolder() (string, error) {
	dir := os.Getenv("DEMO_DIR")
	if dir == "" {
		root, err := stage.Root()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".demo")
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	_, err = os.Stat(filepath.Join(dir, "demo.json"))
	if len(entries) > 0 && errors.Is(err, fs.ErrNotExist) && filepath.Base(dir) != ".demo" {
		return "", fmt.Errorf("%s holds something that no demo has written; name an empty folder", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}
