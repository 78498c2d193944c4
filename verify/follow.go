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
	}
	if d, some := touched(change); some {
		c.drop(d)
	}
}

// touched says what a change touches, and whether that is something. It is the one place that
// does: what the cache drops is what is told to those who watch.
func touched(change store.Change) (d Drop, some bool) {
	noun, _, _ := strings.Cut(string(change.Name), ".")
	switch noun {
	case "session", "identity_provider": // no check asks about these
		return Drop{}, false
	case "token":
		return Drop{Credential: change.TokenID}, true
	case "access_token", "grant", "connection", "app":
		return touchedAccess(noun, change)
	case "user":
		// An organization token may speak for any user of the organization.
		return Drop{User: change.UserID, Organization: change.OrganizationID}, true
	case "organization", "flag", "role":
		if change.OrganizationID == "" {
			return Drop{}, true
		}
		return Drop{Organization: change.OrganizationID, AccessTokens: change.Name == keyporter.EventOrganizationApps}, true
	}
	return Drop{}, true
}

// touchedAccess says what a change touches that is about access tokens: everything, if it
// doesn't say what it is about.
func touchedAccess(noun string, change store.Change) (d Drop, some bool) {
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

// learn makes the secrets of a new token known.
func (c *Checker) learn(change store.Change) {
	if change.Secret != nil {
		c.known.add([]keyporter.SecretHash{*change.Secret})
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), store.Silence)
	defer cancel()
	hashes, err := c.db.SecretHashesOf(ctx, change.TokenID)
	if err != nil {
		c.known.reset() // then the database is asked, until they are all read anew
		return
	}
	c.known.add(hashes)
}

// Reset drops everything. See store.Follower.
func (c *Checker) Reset() { c.drop(Drop{}) }

// Complete tells whether the Checker knows every secret that was issued, so that it
// refuses others without asking the database.
func (c *Checker) Complete() bool { return c.known.table.Load() != nil }

// renewEvery is how often the known secrets are read again, if there were new ones.
const renewEvery = time.Hour

// Run keeps the Checker's memory complete until ctx ends.
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
				time.AfterFunc(time.Second, c.known.reset) // it may have been a reset that asked
			}
		}
	}
}
