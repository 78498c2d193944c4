package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
)

// keyboard is somebody without a pointer: they press keys, and have to see where they are.
type keyboard struct {
	t *testing.T
	b *browser.Browser
}

// unseen is a JavaScript expression for what is wrong with the focus: it must be in the window, with an outline around
// it, or around the label of a control that isn't drawn itself.
const unseen = `(() => {
	const at = document.activeElement, box = at.getBoundingClientRect();
	if (at === document.body) return "nothing has it";
	if (!box.width || box.bottom <= 0 || box.top >= innerHeight) return "it is outside of the window";
	const drawn = [at, at.parentElement, at.nextElementSibling].some((e) => e && getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) > 0);
	return drawn ? "" : "nothing shows it";
})()`

func (k keyboard) see() {
	k.t.Helper()
	if fault := browser.Eval[string](k.b, unseen); fault != "" {
		k.t.Errorf("the focus is lost at %s: %s", browser.Eval[string](k.b, "document.activeElement.outerHTML.slice(0, 200)"), fault)
	}
}

// isAt waits until an element has the focus.
func (k keyboard) isAt(selector string) {
	k.t.Helper()
	k.b.Wait(fmt.Sprintf("document.activeElement.matches(%q)", selector))
	k.see()
}

// walkTo presses Tab until an element has the focus, and has to see each one on the way.
func (k keyboard) walkTo(selector string) {
	k.t.Helper()
	for range 40 {
		k.b.Press(kb.Tab)
		k.see()
		if browser.Eval[bool](k.b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
	}
	k.t.Fatalf("Tab doesn't lead to %s", selector)
}

// arrive waits for a page, which is entered at its beginning.
func (k keyboard) arrive(path string) {
	k.t.Helper()
	k.b.Wait(fmt.Sprintf("location.pathname === %q && document.readyState === 'complete' && document.documentElement.matches('.scripted')", path))
}

// TestTheLifeOfATokenByKeyboard goes from the sign-in to a restored token without a pointer.
func TestTheLifeOfATokenByKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	keyportertest.Token(t, s.Control, ada, "Import")
	b := browser.New(t)
	k := keyboard{t, b}

	b.Open(s.url)
	k.isAt("#login")
	b.Press(ada.Login)
	k.walkTo("#password")
	b.Press(keyportertest.Password + kb.Enter)
	k.arrive("/tokens")
	k.walkTo(".skip") // the first stop, or Tab would have failed before
	b.Press(kb.Enter)
	k.walkTo(".head .main")
	b.Press(kb.Enter)

	k.isAt("dialog #name")
	b.Press("Export" + kb.Enter)
	k.isAt(".token:has(.secret) [data-start]")
	b.Press(kb.Enter)
	wantText(t, b, ".token:has(.secret) [data-start]", "Copy again")
	b.Wait("document.querySelector('.token:has(.secret) .switch[aria-checked=true]')")
	k.isAt(".token:has(.secret) [data-start]")

	b.Open(s.url + "/tokens")
	k.walkTo("[name=q]")
	b.Press("exp" + kb.Enter)
	b.Wait("location.search === '?q=exp' && document.readyState === 'complete'")
	k.isAt("[name=q]")
	wantText(t, b, ".pages", "1 of 1")

	k.walkTo(".more summary")
	b.Press(kb.Enter)
	k.walkTo("a[href$='/rename']")
	b.Press(kb.Escape)
	k.isAt(".more summary")
	b.Press(kb.Enter)
	k.walkTo("a[href$='/expiry']")
	b.Press(kb.Enter)
	k.isAt("dialog [name=until][value=day]:checked")
	b.Wait("document.querySelector('dialog [name=expires]').checkVisibility()")
	k.walkTo("dialog [name=expires]")
	b.Press("12312099" + kb.Enter)
	wantText(t, b, ".token", "Dec 31, 2099")
	k.isAt(".token .more summary")

	b.Open(s.url + "/tokens")
	k.walkTo(".token:has([aria-label$=Export]) .switch")
	b.Press(" ")
	b.Wait("document.querySelector('.token:has([aria-label$=Export]) .switch[aria-checked=false]')")
	k.isAt(".token:has([aria-label$=Export]) .switch")

	k.walkTo(".more summary")
	b.Press(kb.Enter)
	k.walkTo("a[href$='/delete']")
	b.Press(kb.Enter)
	k.isAt("dialog [data-close]")
	k.walkTo("dialog .destroy")
	b.Press(kb.Enter)
	b.Wait("!document.querySelector('dialog[open]') && document.querySelectorAll('.token').length === 1")
	k.isAt(".token .more summary")

	k.walkTo("a[href='/tokens/deleted']")
	b.Press(kb.Enter)
	k.arrive("/tokens/deleted")
	k.walkTo("a[href$='/restore']")
	b.Press(kb.Enter)
	b.Wait("location.pathname.endsWith('/restore') && document.readyState === 'complete'")
	k.isAt("form .main")
	b.Press(kb.Enter)
	k.arrive("/tokens")
	wantText(t, b, ".done", "Restored")
	wantText(t, b, "#user-list", "Export")
	k.walkTo(".skip")
}
