package web_test

import (
	"net/http"
	"testing"

	"github.com/keyporter/keyporter/web"
)

func TestWhoPrefersHTML(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "application/json, text/html": false, "text/html;q=0.5, application/json": false, "text/html;q=0": false,
		"text/html; q=x": false, "text/html;q=NaN": false, "text/html;q=7, */*": false, "image/avif,image/webp,*/*;q=0.8": false, "text/*": false,
		"text/html": true, "TEXT/HTML;level=1": true, "application/json;q=0.9, text/html": true, "text/html, application/json": true, "=;, text/html, */*;q=0.1": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8": true, "application/xhtml+xml,text/html": true,
	} {
		r := &http.Request{Header: http.Header{"Accept": {accept}}}
		if got := web.PrefersHTML(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
