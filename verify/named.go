package verify

import (
	"context"
	"strings"
	"sync"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// maxNamed is how many named users are remembered for one organization token.
const maxNamed = 1000

// named is the user for whom an organization token speaks in a call, with all that an
// answer needs, ready made. It belongs to the entry of that token and goes with it.
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

// namedUsers remembers users by the login names that calls had, nil where nobody of the
// organization has it. Whatever changes a user of the organization drops the entry that this belongs to.
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

// namedBy returns the user of the token's organization who has the login name, nil when
// nobody has. An entry that was dropped meanwhile may remember what is over, but nobody
// finds that entry any more.
func (c *Checker) namedBy(ctx context.Context, e *entry, login string) (*named, error) {
	// No header has a NUL in it, but who asks for an explanation can type one, and PostgreSQL would take it for a fault of ours.
	if len(login) > keyporter.MaxLoginLen || strings.IndexByte(login, 0) >= 0 {
		return nil, nil //nolint:nilnil // nobody's, and too much to remember
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
