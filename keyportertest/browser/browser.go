// Package browser gives tests a real Chromium: it clicks, types, and inspects pages. The tests
// of a package share one Chromium, which starts when the first of them needs it. Stop ends it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long an action may take. Typing a long text is hundreds of messages, each of which waits its turn on a
// busy machine.
const patience = time.Minute

// Browser is a tab in Chromium with its own cookies and storage. Anything that goes wrong in it fails the test: an
// action that takes longer than patience, or a message in the page's console.
type Browser struct {
	t    testing.TB
	ctx  context.Context
	seen string // folder for screenshots; empty: none are kept
}

// New opens a tab. If the variable KEYPORTER_SCREENSHOTS names a folder, Look puts screenshots
// there.
func New(t testing.TB) *Browser {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &Browser{t: t, ctx: ctx, seen: os.Getenv("KEYPORTER_SCREENSHOTS")}
	// Console would open the tab, too, but doesn't report why it can't.
	if err := chromedp.Do(ctx, b.focus(), b.light()); err != nil {
		t.Fatalf("open a tab in Chromium: %v", err)
	}
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if !harmless(m.Text) {
				t.Errorf("the page's console: %s", m.Text)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

// focus makes the page behave as if its window were in front, whatever other tabs are open.
func (b *Browser) focus() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
}

// harmless reports whether a message isn't the page's fault: a response other than 200, or a test
// that reached a field before the browser focused the one with autofocus.
func harmless(message string) bool {
	return strings.HasPrefix(message, "Failed to load resource") || strings.HasPrefix(message, "Autofocus processing was blocked")
}

func (b *Browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	err := chromedp.Do(ctx, actions...)
	for try := 1; try < 3 && err != nil && strings.Contains(err.Error(), "Could not find node"); try++ { // a page was being replaced; nothing was done
		err = chromedp.Do(ctx, actions...)
	}
	if err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Open goes to an address.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// Click clicks the first element that matches the CSS selector.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.do("click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Fill types text into a field, replacing what it holds.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	field := chromedp.CSS(selector)
	b.do("fill "+selector, chromedp.WaitVisible(field))
	b.Run(fmt.Sprintf("document.querySelector(%q).select()", selector))
	b.do("fill "+selector, chromedp.SendKeys(field, text))
}

// Press types keys, such as kb.Tab, into the focused element.
func (b *Browser) Press(keys string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(keys))
}

// TabTo presses Tab until the element that matches the CSS selector has the focus.
func (b *Browser) TabTo(selector string) {
	b.t.Helper()
	for range 40 {
		b.Press(kb.Tab)
		if Eval[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
	}
	b.t.Fatalf("Tab doesn't lead to %s", selector)
}

// Text returns the text, as shown, of the first element that matches the CSS selector.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// Attribute returns an attribute of the first element that matches the CSS selector.
func (b *Browser) Attribute(selector, name string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf("document.querySelector(%q)?.getAttribute(%q) ?? ''", selector, name))
}

// Clipboard returns the text most recently copied in any tab.
func (b *Browser) Clipboard() string {
	b.t.Helper()
	_, err := chromedp.CallBrowser(b.ctx, cdp.SetPermission, cdp.SetPermissionParams{
		Permission: &cdp.PermissionDescriptor{Name: "clipboard-read"}, Setting: cdp.PermissionSettingGranted,
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	if err != nil {
		b.t.Fatalf("allow reading the clipboard: %v", err)
	}
	return Eval[string](b, "navigator.clipboard.readText()")
}

// Wait waits until a JavaScript expression is true.
func (b *Browser) Wait(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// Retry evaluations that a navigation cuts off.
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		if ctx.Err() != nil {
			b.picture("failed")
			b.t.Fatalf("wait for %s: %v", expression, errors.Join(err, ctx.Err()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Eval returns the value of a JavaScript expression in the page, or that of its promise.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %.60s: %v", expression, err)
	}
	return v
}

// Run runs JavaScript in the page and ignores what it returns: a function that returns nothing in one version
// of Chromium may return a promise in the next.
func (b *Browser) Run(script string) {
	b.t.Helper()
	b.do(fmt.Sprintf("run %.60s", script), chromedp.Evaluate[chromedp.Void]("{"+script+"}; undefined"))
}

// Upload chooses a file in the field that matches the CSS selector.
func (b *Browser) Upload(selector, path string) {
	b.t.Helper()
	b.do("choose a file for "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}
