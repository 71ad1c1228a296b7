package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Browser is a running Chromium.
type Browser struct {
	Pictures string // folder for screenshots; empty: none are taken

	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	addresses []string
}

// addressLimit bounds how many addresses are remembered.
const addressLimit = 20_000

// Addresses returns every address that any tab has asked for, as sent, so that
// a test can look for what must not stand in one.
func (b *Browser) Addresses() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.addresses)
}

func (b *Browser) remember(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.addresses) < addressLimit {
		b.addresses = append(b.addresses, address)
	}
}

// Launch starts a headless Chromium that ends with ctx and with this process.
// Each of moved leads a host to another place, in Chromium's own words: "MAP
// login.localhost:80 127.0.0.1:8080".
func Launch(ctx context.Context, pictures string, moved ...string) (*Browser, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.Flag("lang", "de"))
	if len(moved) > 0 {
		options = append(options, chromedp.Flag("host-resolver-rules", strings.Join(moved, ",")))
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocated, stopAllocated := chromedp.NewExecAllocator(ctx, options...)
	own, stopOwn := chromedp.NewContext(allocated)
	b := &Browser{Pictures: pictures, ctx: own, cancel: func() { stopOwn(); stopAllocated() }}
	if err := chromedp.Do(own, chromedp.Navigate("about:blank")); err != nil {
		b.cancel()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return b, nil
}

// find looks for the program in SCHLEUSE_CHROMIUM, then in the PATH.
func find() (string, error) {
	if program := os.Getenv("SCHLEUSE_CHROMIUM"); program != "" {
		return program, nil
	}
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("no Chromium found: run e2e/install.sh, or set SCHLEUSE_CHROMIUM")
}

// Close ends the browser with all its tabs.
func (b *Browser) Close() { b.cancel() }

// Profile is how a person uses the browser. The zero value is a German desktop.
type Profile struct {
	NoScript bool   // JavaScript switched off
	Width    int64  // viewport in CSS pixels; 0 is 1280
	Height   int64  // 0 is 800
	Dark     bool   // prefers the dark colour scheme
	Language string // Accept-Language; empty is "de"
}

// Open gives a new person a browser: a tab with cookies of its own.
func (b *Browser) Open(profile Profile) (*Tab, error) {
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	return b.tab(ctx, cancel, profile)
}

func (b *Browser) tab(ctx context.Context, cancel context.CancelFunc, profile Profile) (*Tab, error) {
	tab := &Tab{browser: b, profile: profile, ctx: ctx, cancel: cancel, handed: make(chan string, handedLimit)}
	err := errors.Join(tab.apply(profile), tab.watch())
	if err != nil {
		cancel()
		return nil, fmt.Errorf("opening a tab: %w", err)
	}
	return tab, nil
}

// watch remembers the addresses of this tab until it closes, and which of them
// were another program's.
func (t *Tab) watch() error {
	requests := chromedp.Events(t.ctx, network.RequestWillBeSent)
	go func() {
		for event, err := range requests {
			if err != nil {
				return
			}
			t.browser.remember(event.Request.URL)
			t.handOver(event.Request.URL)
		}
	}()
	_, err := chromedp.Call(t.ctx, network.Enable, network.EnableParams{})
	return err
}

func (t *Tab) apply(profile Profile) error {
	width, height, scheme, language := profile.Width, profile.Height, "light", profile.Language
	if width == 0 {
		width = 1280
	}
	if height == 0 {
		height = 800
	}
	if profile.Dark {
		scheme = "dark"
	}
	if language == "" {
		language = "de"
	}
	if err := chromedp.Do(t.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		return err
	}
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(t.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": language},
	})
	if err != nil || !profile.NoScript {
		return err
	}
	_, err = chromedp.Call(t.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return err
}
