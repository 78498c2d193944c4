package server

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// Gateway is one entry of the setting gateways.
type Gateway struct {
	// Name is what logs call the gateway: 1 to 64 characters, unique.
	Name string `yaml:"name"`
	// SecretSHA256 is the SHA-256 of the gateway's secret, in hexadecimal. `keyporter gateway secret` creates a secret and prints this setting for it. To replace a secret without downtime, add the gateway a second time under another name, and remove the first entry once the gateway uses the new secret.
	SecretSHA256 string `yaml:"secret_sha256"`
	// APIs are the names of the apis the gateway fronts. Only credentials for one of them are active to it: an access token issued for another resource is inactive. None: all.
	APIs []string `yaml:"apis"`
}

// maxGatewayName is the maximum length of a gateway's name, in characters.
const maxGatewayName = 64

// hash reads the setting secret_sha256.
func (g Gateway) hash() (keyporter.SecretHash, error) {
	b, err := hex.DecodeString(g.SecretSHA256)
	if err != nil || len(b) != len(keyporter.SecretHash{}) {
		return keyporter.SecretHash{}, errors.New("secret_sha256 must be 64 hexadecimal digits, as printed by `keyporter gateway secret`")
	}
	return keyporter.SecretHash(b), nil
}

// gateways returns the gateways in the form package introspection takes. The configuration must be valid.
func (c Config) gateways() (all []introspection.Gateway) {
	for _, g := range c.Gateways {
		hash, _ := g.hash() // Validate has checked it
		all = append(all, introspection.Gateway{Name: g.Name, Hash: hash, APIs: g.APIs})
	}
	return all
}

// validateGateways reports what is wrong with the gateways. Its messages never contain a
// secret, even if someone put one where its hash belongs.
func (c Config) validateGateways() (faults []error) {
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(len(c.Gateways) > 0 && c.KeyFile == "" && store.IsPostgres(c.Database), "gateways: key_file is missing; gateways need one when the database is PostgreSQL")
	known := make([]string, 0, len(c.APIs))
	for _, a := range c.APIs {
		known = append(known, a.Name)
	}
	var taken []string
	hashes := map[keyporter.SecretHash]bool{}
	for i, g := range c.Gateways {
		where := fmt.Sprintf("gateways[%d]", i)
		name, err := names.Parse("name", g.Name)
		bad(err != nil || name != g.Name || len([]rune(name)) > maxGatewayName, "%s: name must have 1 to %d characters", where, maxGatewayName)
		bad(slices.Contains(taken, g.Name), "%s: two have the name %q", where, g.Name)
		hash, err := g.hash()
		bad(err != nil, "%s: %w", where, err)
		bad(err == nil && hashes[hash], "%s: another gateway has this secret", where)
		for _, a := range g.APIs {
			bad(!slices.Contains(known, a), "%s: %q isn't one of apis", where, a)
		}
		taken, hashes[hash] = append(taken, g.Name), true
	}
	return faults
}
