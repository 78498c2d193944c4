package console_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter/console"
)

// TestGuidesLeadWhereTheySay checks what the configuration may name as a guide.
func TestGuidesLeadWhereTheySay(t *testing.T) {
	for _, good := range []string{"https://docs.example.com", "https://docs.example.com:8443/rest?v=6#first-call", "/shop/guide", "/"} {
		if err := console.ValidateGuides([]console.Guide{{Name: "REST tutorial", Address: good}}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "guide", "./guide", "http://docs.example.com", "javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
		"data:text/html,hello", "//evil.example/guide", "/\\evil.example", "\\\\evil.example", "https:/guide", "https:guide", "https://", "https://:443",
		"https://docs.example.com@evil.example/", "https://docs.example.com/a b", "https://docs.ex\u0430mple.com/", "/\x00", "/%zz", "/" + strings.Repeat("a", 2000),
	} {
		if err := console.ValidateGuides([]console.Guide{{Name: "REST tutorial", Address: bad}}); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
	for _, name := range []string{"", " REST", "a\nb", "a\u202eb", strings.Repeat("a", 101)} {
		if err := console.ValidateGuides([]console.Guide{{Name: name, Address: "/guide"}}); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	twice := console.Guide{Name: "REST tutorial", Address: "/guide"}
	if err := console.ValidateGuides([]console.Guide{twice, twice}); err == nil {
		t.Error("two guides have the same name")
	}
}

// TestGuidesOpenInANewTab expects links that tell their pages nothing about this one.
func TestGuidesOpenInANewTab(t *testing.T) {
	s := newSite(t)
	_, v := s.ada(t)
	v.get("/tokens").want(t, 200, `<a href="https://docs.example.com/rest?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"><bdi>REST &lt;tutorial&gt;</bdi>`)
}
