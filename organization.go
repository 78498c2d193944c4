package keyporter

import (
	"slices"
	"time"
)

// Organization is a tenant. It has its own users, roles, tokens and flags, and no other
// organization can see them.
type Organization struct {
	ID        ID
	Name      string // 1 to 100 characters, unique in the instance, see names.Key
	Active    bool   // false: suspended; nobody signs in and no token works
	Flags     []Flag // the ones it was granted
	CreatedAt time.Time
}

// Has reports whether the flag is granted to the organization.
func (o *Organization) Has(f Flag) bool { return slices.Contains(o.Flags, f) }
