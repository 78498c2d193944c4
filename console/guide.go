package console

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter/names"
)

// Guide is a link to a document, on the page of tokens.
type Guide struct {
	// Name is what the link says, such as REST tutorial: 1 to 100 characters, unique.
	Name string `yaml:"name"`
	// Address is where the document is: with https, such as https://docs.example.com/rest, or a path that Keyporter or an API behind it serves, such as /shop/guide.
	Address string `yaml:"address"`
}

// ValidateGuides reports everything that is wrong with guides.
func ValidateGuides(guides []Guide) error {
	var faults []error
	for i, g := range guides {
		name, err := names.Parse("name", g.Name)
		if err != nil || name != g.Name {
			faults = append(faults, fmt.Errorf("guides: the name %q must have 1 to 100 characters, with no spaces around them and none that are invisible", g.Name))
		}
		if slices.ContainsFunc(guides[:i], func(other Guide) bool { return other.Name == g.Name }) {
			faults = append(faults, fmt.Errorf("guides: the name %q is there twice", g.Name))
		}
		if !validAddress(g.Address) {
			faults = append(faults, fmt.Errorf("guides: the address %q must look like https://docs.example.com/rest or /shop/guide", g.Address))
		}
	}
	return errors.Join(faults...)
}

// validAddress reports whether a browser takes an address for what it seems to be: some read a backslash as a slash, and
// leave out line breaks.
func validAddress(address string) bool {
	u, err := url.Parse(address)
	odd := func(r rune) bool { return r <= ' ' || r == '\\' || r == '"' || r == '<' || r == '>' || r > '~' }
	if err != nil || len(address) > 2000 || strings.ContainsFunc(address, odd) {
		return false
	}
	if u.Scheme != "" {
		return u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Opaque == ""
	}
	return u.Host == "" && strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
}
