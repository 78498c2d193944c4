package verify

import (
	"context"
	"strings"
	"sync"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// maxNamed is how many named users are kept for one organization token.
const maxNamed = 1000

// named is a user an organization token acts for, with everything an answer needs, ready-made.
// It belongs to the token's entry and is dropped with it.
type named struct {
	store.Standing
	principal keyporter.Principal
	identity  []Header
}

func (e *entry) newNamed(s store.Standing) *named {
	n := &named{Standing: s, principal: e.principal}
	n.principal.UserID, n.principal.Login = s.UserID, s.Login
	n.identity = identityOf(&n.principal)
	return n
}

// namedUsers has users by the login names in calls, and nil for names that nobody in the
// organization has. A change to any user of the organization drops the entry it belongs to.
type namedUsers struct {
	mu      sync.RWMutex
	byLogin map[string]*named
}

func (u *namedUsers) get(login string) (*named, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	n, ok := u.byLogin[login]
	return n, ok
}

func (u *namedUsers) put(login string, n *named) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byLogin == nil || len(u.byLogin) >= maxNamed {
		u.byLogin = map[string]*named{} // whoever holds the secret can send any login name they like
	}
	u.byLogin[strings.Clone(login)] = n
}

// namedBy returns the user with the login name in the token's organization, or nil if there
// is none. An entry dropped meanwhile may keep outdated users, but no later call finds it.
func (c *Checker) namedBy(ctx context.Context, e *entry, login string) (*named, error) {
	// No header can contain a NUL, but people who ask for an explanation can type one, and PostgreSQL would return an error.
	if len(login) > keyporter.MaxLoginLen || strings.IndexByte(login, 0) >= 0 {
		return nil, nil //nolint:nilnil // nobody has this name, and it isn't worth keeping
	}
	if n, ok := e.named.get(login); ok {
		return n, nil
	}
	c.lookups.Add(1)
	ctx, cancel := context.WithTimeout(ctx, store.Silence) // as in entryOf
	defer cancel()
	s, err := c.db.StandingByLogin(ctx, e.OrganizationID, login)
	var n *named
	switch {
	case err == nil:
		n = e.newNamed(s)
	case keyporter.KindOf(err) != keyporter.NotFound:
		return nil, err
	}
	e.named.put(login, n)
	return n, nil
}
