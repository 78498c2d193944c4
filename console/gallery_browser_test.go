package console_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
	"github.com/keyporter/keyporter/web"
)

// TestTheGallery looks at every component in each of its states.
func TestTheGallery(t *testing.T) {
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	pages := console.New(console.Config{Control: n.Control, Checker: n.Checker, Log: slog.New(slog.DiscardHandler), Example: "/restapi/v6/me"})
	h, err := pages.WithGallery("testdata/gallery.html", n.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(web.WithRequestID(web.SecurityHeaders(h)))
	t.Cleanup(server.Close)
	b := browser.New(t)
	b.Open(server.URL + "/gallery")
	// On a real page, there is one list of them.
	b.Run("document.querySelector('#organization-tokens').textContent = 'Organization API Tokens'; document.querySelector('details.more').open = true")
	b.Look("gallery")
	before := browser.Eval[string](b, "document.querySelector('.list time[data-ago]').textContent")
	b.Run("const now = Date.now; Date.now = () => now() + 3 * 3600000; document.dispatchEvent(new Event('visibilitychange')); Date.now = now")
	if after := b.Text(".list time[data-ago]"); before != "2 minutes ago" || after != "3 hours ago" {
		t.Errorf("three hours after “%s”, the page says “%s”", before, after)
	}
	b.Run("const d = document.querySelector('dialog'); d.append(document.querySelector('#dialog').content.cloneNode(true), document.querySelector('.toast')); d.showModal(); document.querySelector('.toast').textContent = 'Copied.'")
	b.Look("gallery-dialog")
}
