package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/keyporter/keyporter/keyportertest"
)

const (
	allRules = "{resultTypes: ['violations']}"
	contrast = "{resultTypes: ['violations'], runOnly: ['color-contrast']}"
)

// variants are the ways to view a page: light and dark, as wide as a desktop and as narrow
// as a phone. Contrast depends on theme and width together. Every other rule depends on at most
// one of them, so two variants that cover both themes and both widths find what all four would.
func variants() []variant {
	return []variant{
		{"light", 1280, allRules},
		{"light", 360, contrast},
		{"dark", 1280, contrast},
		{"dark", 360, allRules},
	}
}

type variant struct {
	theme string
	width int64
	rules string // options of axe.run
}

// Look inspects the page in its present state, in all variants. In each, axe-core must find no
// violation, and nothing may overflow sideways. Screenshots get this name. With the race detector,
// Look does nothing, because how a page looks doesn't depend on it.
func (b *Browser) Look(name string) {
	b.t.Helper()
	if keyportertest.Racing {
		return
	}
	b.Run(axe(b.t))
	for _, v := range variants() {
		b.do("change the window", b.theme(v.theme), chromedp.EmulateViewport(v.width, 900))
		picture := fmt.Sprintf("%s-%s-%d", name, v.theme, v.width)
		b.inspect(picture, v.rules)
		b.picture(picture)
	}
	b.do("change the window back", b.light())
}

func (b *Browser) inspect(variant, rules string) {
	b.t.Helper()
	// Wait for animations to end.
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
	}](b, "axe.run("+rules+").then(r => r.violations)")
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

// MoveTo moves the browser to a time zone, such as Pacific/Kiritimati.
func (b *Browser) MoveTo(zone string) {
	b.t.Helper()
	b.do("move to "+zone, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		return err
	}))
}

// picture saves a screenshot of the whole page.
func (b *Browser) picture(name string) {
	if b.seen == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
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
	text, err := os.ReadFile(keyportertest.Cached(t, "axe/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
