package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Patience bounds each wait for a page. It is long because a busy two-core
// machine also runs the server behind the page.
const Patience = 30 * time.Second

// Tab is one tab of one person's browser.
type Tab struct {
	browser *Browser
	profile Profile
	ctx     context.Context
	cancel  context.CancelFunc
	handed  chan string
}

// Close closes the tab. The last tab of a person takes their cookies along.
func (t *Tab) Close() { t.cancel() }

// Second opens another tab of the same person: the cookies are shared.
func (t *Tab) Second() (*Tab, error) {
	ctx, cancel := chromedp.NewContext(t.ctx)
	return t.browser.tab(ctx, cancel, t.profile)
}

// Go opens an address as if typed, and returns when the page has loaded.
func (t *Tab) Go(address string) error {
	return t.do("going to "+withoutQuery(address), chromedp.Navigate(address))
}

// Back is the browser's own back button, Reload its reload button.
func (t *Tab) Back() error { return t.do("going back", chromedp.NavigateBack()) }

// Reload loads the page again, sending a form again where the page came from one.
func (t *Tab) Reload() error { return t.do("reloading", chromedp.Reload()) }

// Type fills the field with this label or name, replacing what is there.
func (t *Tab) Type(field, text string) error {
	if err := t.Focus(field); err != nil {
		return err
	}
	if _, err := t.evaluate("document.activeElement?.select?.()"); err != nil {
		return err
	}
	return t.do("typing into "+field, chromedp.KeyEvent(text))
}

// Focus puts the cursor into the field with this label or name.
func (t *Tab) Focus(field string) error {
	return t.find("field "+field, fmt.Sprintf(`(() => {
		const wanted = %s;
		const label = [...document.querySelectorAll('label')].find(l => l.innerText.trim().startsWith(wanted));
		const found = (label && (label.control || label.querySelector('input,select,textarea')))
			|| document.querySelector('[name="' + CSS.escape(wanted) + '"]:not([type=hidden])');
		if (!found) return false;
		found.focus();
		return document.activeElement === found;
	})()`, quoted(field)))
}

// Press clicks the button or link that begins with these words and waits for
// the page to which it leads.
func (t *Tab) Press(words string) error {
	err := t.find("button or link "+words, fmt.Sprintf(`(() => {
		const wanted = %s;
		const all = [...document.querySelectorAll('button, a[href], input[type=submit]')];
		const found = all.find(e => (e.innerText || e.value || '').trim().startsWith(wanted));
		if (!found) return false;
		window.pageBeforePress = true;
		found.click();
		return true;
	})()`, quoted(words)))
	if err != nil {
		return err
	}
	return t.find("another page after pressing "+words, "!window.pageBeforePress && document.readyState === 'complete'")
}

// Tap clicks the button or link that begins with these words, on a page that
// changes itself and is not left.
func (t *Tab) Tap(words string) error {
	return t.find("button or link "+words, fmt.Sprintf(`(() => {
		const wanted = %s;
		const found = [...document.querySelectorAll('button, a[href], label')].find(e => e.innerText.trim().startsWith(wanted));
		if (!found) return false;
		found.click();
		return true;
	})()`, quoted(words)))
}

// Choose selects a value in the list with this label or name.
func (t *Tab) Choose(list, value string) error {
	if err := t.Focus(list); err != nil {
		return err
	}
	return t.find("value "+value+" of "+list, fmt.Sprintf(`(() => {
		const list = document.activeElement;
		list.value = %s;
		list.dispatchEvent(new Event('change', {bubbles: true}));
		return list.value === %s;
	})()`, quoted(value), quoted(value)))
}

// Attach puts a file with this text into the file field of this name, as from
// the browser's own chooser.
func (t *Tab) Attach(field, file, text string) error {
	return t.find("file field "+field, fmt.Sprintf(`(() => {
		const found = document.querySelector('input[type=file][name="' + CSS.escape(%s) + '"]');
		if (!found) return false;
		const chosen = new DataTransfer();
		chosen.items.add(new File([%s], %s));
		found.files = chosen.files;
		return found.files.length === 1;
	})()`, quoted(field), quoted(text), quoted(file)))
}

// Value is what stands in the field of this name.
func (t *Tab) Value(field string) (string, error) {
	const expression = `(document.querySelector('[name="' + CSS.escape(%s) + '"]:not([type=hidden])') || {value: ''}).value`
	return t.evaluate(fmt.Sprintf(expression, quoted(field)))
}

// Evaluate runs an expression in the page, waits for its promise if it is one,
// and returns the result as text. It is for what a person cannot do or see.
func (t *Tab) Evaluate(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(t.ctx, Patience)
	defer cancel()
	await := func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }
	return chromedp.Run(ctx, chromedp.Evaluate[string]("Promise.resolve("+expression+").then(String)", await))
}

// Target is where the link that begins with these words leads.
func (t *Tab) Target(words string) (string, error) {
	const expression = `([...document.querySelectorAll('a[href]')].find(e => e.innerText.trim().startsWith(%s)) || {href: ''}).href`
	target, err := t.evaluate(fmt.Sprintf(expression, quoted(words)))
	if err == nil && target == "" {
		err = fmt.Errorf("no link begins with %q; %s", words, t.seen())
	}
	return target, err
}

// Keys types keys at the focus: "\t" for Tab, "\r" for Enter, letters.
func (t *Tab) Keys(keys string) error { return t.do("typing keys", chromedp.KeyEvent(keys)) }

// See waits until the page says these words.
func (t *Tab) See(words string) error {
	return t.find("the words "+words, fmt.Sprintf(
		`document.readyState !== 'loading' && !!document.body && document.body.innerText.includes(%s)`, quoted(words)))
}

// At waits until the address begins with prefix.
func (t *Tab) At(prefix string) error {
	return t.find("the address "+prefix, fmt.Sprintf(
		`document.readyState === 'complete' && location.href.startsWith(%s)`, quoted(prefix)))
}

// Title is the page's question: the text of its h1.
func (t *Tab) Title() (string, error) {
	return t.evaluate("(document.querySelector('h1') || {innerText: document.title}).innerText")
}

// Text is all that the page says.
func (t *Tab) Text() (string, error) { return t.evaluate("document.body.innerText") }

// Address is where the tab is.
func (t *Tab) Address() (string, error) { return t.evaluate("location.href") }

// Focused describes the element that has the focus: its tag, id and text. When
// none has, it is the body.
func (t *Tab) Focused() (string, error) {
	return t.evaluate(`(() => { const e = document.activeElement; return !e || e === document.body ? 'BODY' : e.tagName + '#' + e.id + ' ' + (e.innerText || e.name || ''); })()`)
}

// Overflows says whether the page is wider than the window.
func (t *Tab) Overflows() (bool, error) {
	text, err := t.evaluate("String(document.documentElement.scrollWidth > window.innerWidth)")
	return text == "true", err
}

// Cookies lists the names of all cookies of this person.
func (t *Tab) Cookies() ([]string, error) {
	browserContext := chromedp.FromContext(t.ctx).BrowserContextID
	result, err := chromedp.CallBrowser(t.ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: browserContext})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cookie := range result.Cookies {
		names = append(names, cookie.Domain+" "+cookie.Name)
	}
	return names, nil
}

// Picture saves a picture of the whole page as NAME.png.
func (t *Tab) Picture(name string) error {
	if t.browser.Pictures == "" {
		return nil
	}
	if err := os.MkdirAll(t.browser.Pictures, 0o755); err != nil {
		return err
	}
	result, err := chromedp.Call(t.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(true),
	})
	if err != nil {
		return fmt.Errorf("picture %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(t.browser.Pictures, name+".png"), result.Data, 0o644)
}

// find looks until the expression is true, and tells what it saw if it never is.
func (t *Tab) find(what, expression string) error {
	ctx, cancel := context.WithTimeout(t.ctx, Patience)
	defer cancel()
	for {
		// A page that is being left answers with an error: look again.
		found, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if err == nil && found {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not there within %s; %s", what, Patience, t.seen())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// seen describes the page for an error message.
func (t *Tab) seen() string {
	address, err := t.Address()
	if err != nil {
		return "and the page cannot be read: " + err.Error()
	}
	text, err := t.Text()
	if err != nil {
		return "at " + withoutQuery(address)
	}
	return fmt.Sprintf("at %s the page says:\n%s", withoutQuery(address), cut(text, 1500))
}

func (t *Tab) do(what string, action chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (t *Tab) evaluate(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(t.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(encoded)
}

func withoutQuery(address string) string {
	bare, _, _ := strings.Cut(address, "?")
	return bare
}

func cut(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + " …"
	}
	return text
}
