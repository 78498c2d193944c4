package verify

import (
	"context"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Changed drops what a change touches. See store.Follower.
func (c *Checker) Changed(change store.Change) {
	switch change.Name {
	case keyporter.EventTokenCreate, keyporter.EventTokenImport, keyporter.EventAccessTokenCreate:
		c.learn(change)
		return
	case keyporter.EventTokenHandOver:
		c.learn(change) // it may have a new secret
	}
	if d, ok := touched(change); ok {
		c.drop(d)
	}
}

// touched returns what a change affects; ok is false if that is nothing. The cache and those
// who watch both go by it, so that they drop the same.
func touched(change store.Change) (d Drop, ok bool) {
	noun, _, _ := strings.Cut(string(change.Name), ".")
	switch noun {
	case "session", "identity_provider": // no check asks about these
		return Drop{}, false
	case "token":
		return Drop{Credential: change.TokenID}, true
	case "access_token", "grant", "connection", "app":
		return touchedAccess(noun, change)
	case "user":
		if change.Name == keyporter.EventUserLock || change.Name == keyporter.EventUserUnlock {
			return Drop{}, false // about passwords; a stranger can bring it about
		}
		// An organization token may act for any user of the organization.
		return Drop{User: change.UserID, Organization: change.OrganizationID}, true
	case "organization", "flag", "role":
		if change.OrganizationID == "" {
			return Drop{}, true
		}
		return Drop{Organization: change.OrganizationID, AccessTokens: change.Name == keyporter.EventOrganizationApps}, true
	}
	return Drop{}, true
}

// touchedAccess is touched for changes about access tokens. A change that doesn't say what it
// is about affects everything.
func touchedAccess(noun string, change store.Change) (d Drop, ok bool) {
	switch change.Name {
	case keyporter.EventAppCreate, keyporter.EventAppSecretAdd, keyporter.EventAppSecretDelete, keyporter.EventAppPeople:
		return Drop{}, false // no check asks about these
	}
	switch {
	case noun == "access_token" && change.TokenID != "":
		return Drop{Credential: change.TokenID}, true
	case noun != "app" && change.ConnectionID != "":
		return Drop{Connection: change.ConnectionID}, true
	}
	return Drop{App: change.AppID}, true
}

// learn adds the secrets of a new token to those known.
func (c *Checker) learn(change store.Change) {
	if change.Secret != nil {
		c.known.add([]keyporter.SecretHash{*change.Secret})
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), store.Silence)
	defer cancel()
	hashes, err := c.db.SecretHashesOf(ctx, change.TokenID)
	if err != nil {
		c.known.reset() // until all are read again, the database answers
		return
	}
	c.known.add(hashes)
}

// Reset drops everything. See store.Follower.
func (c *Checker) Reset() { c.drop(Drop{}) }

// Complete reports whether the Checker knows every issued secret, and so refuses all others
// without asking the database.
func (c *Checker) Complete() bool { return c.known.table.Load() != nil }

// renewEvery is how often the known secrets are read again if some were added.
const renewEvery = time.Hour

// Run keeps the Checker's set of known secrets complete until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			c.known.renew()
		case <-c.known.rebuild:
			if err := c.known.fill(ctx, c.db.EachSecretHash); err != nil {
				c.log.Warn("can't read the hashes of all secrets", "error", err)
				time.AfterFunc(time.Second, c.known.reset) // not renew: the table may be gone since a reset
			}
		}
	}
}
