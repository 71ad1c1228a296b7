package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Finding is a rule of the accessibility checker that the page breaks.
type Finding struct {
	ID, Impact, Help string
	Nodes            []string // the elements, as CSS selectors
}

func (f Finding) String() string {
	return fmt.Sprintf("%s (%s): %s: %s", f.ID, f.Impact, f.Help, strings.Join(f.Nodes, ", "))
}

// Axe runs axe-core on the page, with its rules for WCAG 2.2 A and AA and its
// best practices, and returns what it finds. It needs JavaScript, but no
// permission of the page: it is injected by the debugger.
func (t *Tab) Axe(cache string) ([]Finding, error) {
	if t.profile.NoScript {
		return nil, errors.New("axe needs a tab with JavaScript")
	}
	script, err := os.ReadFile(filepath.Join(cache, "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return nil, fmt.Errorf("axe-core is missing, run e2e/install.sh: %w", err)
	}
	ctx, cancel := context.WithTimeout(t.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](string(script))); err != nil {
		return nil, fmt.Errorf("injecting axe: %w", err)
	}
	await := func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }
	return chromedp.Run(ctx, chromedp.Evaluate[[]Finding](`axe.run(document, {
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
	}).then(r => r.violations.map(v => ({
		ID: v.id, Impact: v.impact || '', Help: v.help, Nodes: v.nodes.map(n => n.target.join(' ')),
	})))`, await))
}
