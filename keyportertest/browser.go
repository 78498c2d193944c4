package keyportertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Browser is a Chromium with one tab. What goes wrong in it fails the test: an action
// that takes longer than ten seconds, and anything that a page has its console complain of.
type Browser struct {
	t    testing.TB
	ctx  context.Context
	seen string // folder for pictures; empty: none are kept
}

// NewBrowser starts a browser with a profile of its own. Where the variable
// KEYPORTER_SCREENSHOTS names a folder, Look puts pictures there.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{t: t, ctx: ctx, seen: os.Getenv("KEYPORTER_SCREENSHOTS")}
	// Console starts a browser, too, but keeps to itself what goes wrong with that.
	if err := chromedp.Do(ctx, b.light()); err != nil {
		t.Fatalf("start Chromium: %v", err)
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

// harmless tells what isn't a page's fault: that an answer was not a 200, and that the
// test was at a field before the browser could go to the one with autofocus.
func harmless(message string) bool {
	return strings.HasPrefix(message, "Failed to load resource") || strings.HasPrefix(message, "Autofocus processing was blocked")
}

func (b *Browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Open goes to an address.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// Click clicks with the mouse on what the CSS selector finds first.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.do("click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Fill types text into a field, in place of what it holds.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	field := chromedp.CSS(selector)
	b.do("fill "+selector, chromedp.WaitVisible(field))
	b.Run(fmt.Sprintf("document.querySelector(%q).select()", selector))
	b.do("fill "+selector, chromedp.SendKeys(field, text))
}

// Press types keys, such as kb.Tab, to where the focus is.
func (b *Browser) Press(keys string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(keys))
}

// TabTo presses Tab until what the CSS selector finds has the focus.
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

// Text returns the text, as shown, of what the CSS selector finds first.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// Attribute returns an attribute of what the CSS selector finds first.
func (b *Browser) Attribute(selector, name string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf("document.querySelector(%q)?.getAttribute(%q) ?? ''", selector, name))
}

// Clipboard returns the text that was copied last.
func (b *Browser) Clipboard() string {
	b.t.Helper()
	_, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted,
	})
	if err != nil {
		b.t.Fatalf("allow reading the clipboard: %v", err)
	}
	return Eval[string](b, "navigator.clipboard.readText()")
}

// Wait waits until an expression of JavaScript holds.
func (b *Browser) Wait(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	// An evaluation that a navigation cuts off is tried again.
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

// Eval returns the value of an expression of JavaScript in the page, or of its promise.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %.60s: %v", expression, err)
	}
	return v
}

// Run runs JavaScript in the page. Whatever it returns is dropped: a function that returns nothing in one version
// of Chromium returns a promise in the next.
func (b *Browser) Run(script string) {
	b.t.Helper()
	b.do(fmt.Sprintf("run %.60s", script), chromedp.Evaluate[chromedp.Void]("{"+script+"}; undefined"))
}

// Look looks at the page as it is: light and dark, as wide as a desk's screen and as narrow as a phone's. In each axe-core must
// find nothing to complain of, and nothing may stick out sideways. Pictures get this name.
func (b *Browser) Look(name string) {
	b.t.Helper()
	b.do("load axe-core", chromedp.Evaluate[chromedp.Void](axe(b.t)))
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			b.do("change the window", b.theme(theme), chromedp.EmulateViewport(width, 900))
			variant := fmt.Sprintf("%s-%s-%d", name, theme, width)
			b.inspect(variant)
			b.picture(variant)
		}
	}
	b.do("change the window back", b.light())
}

func (b *Browser) inspect(variant string) {
	b.t.Helper()
	// What moves is looked at when it has come to rest.
	Eval[bool](b, "Promise.allSettled(document.getAnimations().map(a => a.finished)).then(() => true)")
	if out := Eval[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); out > 0 {
		b.t.Errorf("%s: the page is %d pixels wider than the window", variant, out)
	}
	faults := Eval[[]struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML    string `json:"html"`
			Summary string `json:"failureSummary"`
		} `json:"nodes"`
	}](b, "axe.run().then(r => r.violations)")
	for _, f := range faults {
		for _, n := range f.Nodes {
			b.t.Errorf("%s: axe-core: %s (%s)\n%s\n%s", variant, f.Help, f.ID, n.HTML, n.Summary)
		}
	}
}

func (b *Browser) light() chromedp.Action[chromedp.Void] {
	return chromedp.Steps(b.theme("light"), chromedp.EmulateViewport(1280, 900))
}

func (b *Browser) theme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// picture keeps a picture of the whole page.
func (b *Browser) picture(name string) {
	if b.seen == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.seen, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Errorf("picture of %s: %v", name, err)
	}
}

// axe returns the text of axe-core.
func axe(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(cached(t, "axe/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cached is the path of what `make needs` puts into the repository's cache.
func cached(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".cache", filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: make needs gets it", name)
	return ""
}

// Upload chooses a file in the field that the CSS selector finds.
func (b *Browser) Upload(selector, path string) {
	b.t.Helper()
	b.do("choose a file for "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}
