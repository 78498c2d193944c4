package keyporter

import (
	"slices"
	"time"
)

// Organization is a tenant: users, roles, tokens and flags are its own, and nothing of
// it is visible from another.
type Organization struct {
	ID        ID
	Name      string // 1 to 100 characters, unique in the instance, letter case ignored
	Active    bool   // false: suspended; nobody signs in and no token works
	Flags     []Flag // those granted
	CreatedAt time.Time
}

// Has tells whether the flag is granted to the organization.
func (o *Organization) Has(f Flag) bool { return slices.Contains(o.Flags, f) }
