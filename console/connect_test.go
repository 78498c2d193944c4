package console_test

import (
	"net/http"
	"net/url"
	"testing"
)

// holds has the browser hold the cookie to which a request of an app is bound.
func (v *visitor) holds(t *testing.T, browser string) {
	t.Helper()
	at, err := url.Parse(v.site.url)
	if err != nil {
		t.Fatal(err)
	}
	v.client.Jar.SetCookies(at, []*http.Cookie{{Name: "keyporter-authorize", Value: browser, Path: "/"}})
}
