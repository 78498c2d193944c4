package verify

import (
	"context"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Changed drops what the changes touch. See store.Follower.
func (c *Checker) Changed(changes ...store.Change) {
	c.learn(changes)
	dropped := map[Drop]bool{} // many changes of one transaction often touch the same
	for _, change := range changes {
		if issues(change.Name) {
			continue
		}
		if d, ok := touched(change); ok && !dropped[d] {
			dropped[d] = true
			c.drop(d)
		}
	}
}

// issues reports whether an event is about a new token, of which no answer can be out of date.
func issues(name keyporter.EventName) bool {
	return name == keyporter.EventTokenCreate || name == keyporter.EventTokenImport || name == keyporter.EventAccessTokenCreate
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
	return Drop{}, true // another release knows what it is about
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

// learn adds the secrets of new tokens to those known. What another release calls its events isn't known, so that any
// that has a token may have given it a secret.
func (c *Checker) learn(changes []store.Change) {
	var tokens []keyporter.ID
	for _, change := range changes {
		switch {
		case change.Secret != nil:
			c.known.add([]keyporter.SecretHash{*change.Secret})
		case change.TokenID != "" && !keepsSecrets(change.Name):
			tokens = append(tokens, change.TokenID)
		}
	}
	if len(tokens) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), store.Silence)
	defer cancel()
	hashes, err := c.db.SecretHashesOf(ctx, tokens...)
	if err != nil {
		c.known.reset() // until all are read again, the database answers
		return
	}
	c.known.add(hashes)
}

// keepsSecrets reports whether an event certainly gives a token no new secret.
func keepsSecrets(name keyporter.EventName) bool {
	switch name {
	case keyporter.EventTokenRename, keyporter.EventTokenEnable, keyporter.EventTokenDisable, keyporter.EventTokenExpiry,
		keyporter.EventTokenDelete, keyporter.EventTokenDeleteForGood, keyporter.EventAccessTokenDelete:
		return true
	}
	return false
}

// Reset drops everything. See store.Follower.
func (c *Checker) Reset() {
	c.drop(Drop{})
	c.known.reset()
}

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
