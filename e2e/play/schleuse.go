package play

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"

	"github.com/schleuse/schleuse/e2e/stage"
)

//go:embed schleuse.yaml.tmpl
var configuration string

// LettersFolder is where a Schleuse lays its orders of letters, in its folder.
const LettersFolder = "letters"

// readyPatience bounds the start of the binary.
const readyPatience = 30 * time.Second

// Spec says how a Schleuse is to run; each zero value has a sensible meaning.
type Spec struct {
	Dir         string // folder of its files; must exist. The same folder is the same Schleuse started again
	Port        int    // 0: the gate's port of the play
	Internal    int    // 0: the internal port of the play
	KeycloakURL string // "": the play's Keycloak itself
	Store       string // "": SQLite in Dir
	Realm       string // "": stage.Realm
	Path        string // relative path of issuer and Keycloak, such as /auth
	Mode        string // "": enforce
	Since       string // "": 2026-12-01
	UpstreamURL string // the WebCenter; "": the play's
	NectURL     string // the identification service; "": nobody registers or recovers, and the card is the only proof
	CoolDown    string // of a new phone; "": none
	Edit        func(configuration []byte) []byte
	Log         io.Writer // takes its log beside the kept last lines
}

// Schleuse is a running binary.
type Schleuse struct {
	Config   string // path of its configuration
	Internal string // URL of metrics and health
	Members  string // path of its master data, read again when changed

	process *stage.Process
}

// Schleuse writes the configuration, makes keys where there are none, starts
// the binary and returns when it says that it is ready.
func (p *Play) Schleuse(ctx context.Context, spec Spec) (*Schleuse, error) {
	p.complete(&spec)
	config, err := p.write(spec)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(spec.Dir, "keys.json")); os.IsNotExist(err) {
		if _, err := p.Run(ctx, "keys", "init", filepath.Join(spec.Dir, "keys.json")); err != nil {
			return nil, err
		}
	}
	process, err := p.serve(ctx, config, spec.Log)
	if err != nil {
		return nil, err
	}
	s := &Schleuse{
		Config: config, Internal: stage.Loopback(spec.Internal),
		Members: filepath.Join(spec.Dir, "members.csv"), process: process,
	}
	if err := s.waitReady(ctx); err != nil {
		process.Stop()
		return nil, err
	}
	return s, nil
}

// serve starts the binary, and keeps all that it says where logs are kept.
func (p *Play) serve(ctx context.Context, config string, log io.Writer) (*stage.Process, error) {
	arguments := []string{"serve", "--config", config}
	if p.Logs == "" {
		return stage.StartProcess(ctx, "schleuse", exec.Command(p.Binary, arguments...), log)
	}
	file, err := os.CreateTemp(p.Logs, "schleuse-*.log")
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = file
	} else {
		log = io.MultiWriter(log, file)
	}
	process, err := stage.StartProcess(ctx, "schleuse", exec.Command(p.Binary, append(arguments, "--log-level", "debug")...), log)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	go func() {
		<-process.Done()
		file.Close()
	}()
	return process, nil
}

// Run runs another command of the binary to its end and returns what it wrote.
func (p *Play) Run(ctx context.Context, arguments ...string) (string, error) {
	out, err := exec.CommandContext(ctx, p.Binary, arguments...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("schleuse %v: %w\n%s", arguments, err, out)
	}
	return string(out), nil
}

func (p *Play) complete(spec *Spec) {
	if spec.Port == 0 {
		spec.Port = p.Ports.Gate()
	}
	if spec.Internal == 0 {
		spec.Internal = p.Ports.Internal()
	}
	if spec.KeycloakURL == "" {
		spec.KeycloakURL = p.Keycloak.URL
	}
	if spec.Store == "" {
		spec.Store = "sqlite:" + filepath.Join(spec.Dir, "schleuse.db")
	}
	if spec.Realm == "" {
		spec.Realm = stage.Realm
	}
	if spec.Mode == "" {
		spec.Mode = "enforce"
	}
	if spec.Since == "" {
		spec.Since = "2026-12-01"
	}
	if spec.UpstreamURL == "" {
		spec.UpstreamURL = p.Ports.UpstreamURL()
	}
	if spec.CoolDown == "" {
		spec.CoolDown = "0s"
	}
}

// write lays out the folder: configuration, secrets, master data.
func (p *Play) write(spec Spec) (config string, err error) {
	parsed, err := template.New("schleuse.yaml").Option("missingkey=error").Parse(configuration)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Port": spec.Port, "Internal": spec.Internal, "Store": spec.Store, "Dir": spec.Dir, "Mode": spec.Mode,
		"Since": spec.Since, "KeycloakURL": spec.KeycloakURL, "Realm": spec.Realm, "GateURL": p.Ports.GateURL() + spec.Path, "SiteURL": p.Ports.SiteURL(),
		"PartnerURL": p.Ports.PartnerURL(), "AppURL": p.Ports.AppURL(), "UpstreamURL": spec.UpstreamURL,
		"NectURL": spec.NectURL, "Mail": p.Ports.Mail(), "CoolDown": spec.CoolDown,
	})
	if err != nil {
		return "", err
	}
	text := out.Bytes()
	if spec.Edit != nil {
		text = spec.Edit(text)
	}
	files := map[string][]byte{
		"schleuse.yaml":   text,
		"schleuse.secret": []byte(stage.SchleuseSecret), "webcenter.secret": []byte(stage.WebCenterSecret),
		"nect.secret": []byte(stage.NectKey), "meine-geraete.secret": []byte(stage.DevicesSecret),
	}
	if err := os.MkdirAll(filepath.Join(spec.Dir, LettersFolder), 0o700); err != nil {
		return "", err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(spec.Dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(spec.Dir, "schleuse.yaml"), members(spec.Dir)
}

// members lays out the demo's master data, unless a Schleuse that ran before in
// this folder has its own.
func members(dir string) error {
	target := filepath.Join(dir, "members.csv")
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	file, err := stage.MembersFile()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o600)
}

func (s *Schleuse) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	return s.process.WaitReady(ctx, s.Internal+"/readyz", 2*time.Millisecond)
}

// Stop ends it in order, Kill as a crash would.
func (s *Schleuse) Stop() { s.process.Stop() }

// Kill ends it at once.
func (s *Schleuse) Kill() { s.process.Kill() }

// Pid is the number of its process.
func (s *Schleuse) Pid() int { return s.process.Pid() }

// Done is closed when it has ended.
func (s *Schleuse) Done() <-chan struct{} { return s.process.Done() }

// Tail returns the last lines of its log.
func (s *Schleuse) Tail() string { return s.process.Tail() }
