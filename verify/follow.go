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
	noun, _, _ := strings.Cut(string(change.Name), ".")
	switch noun {
	case "session", "identity_provider": // no call depends on them
	case "token":
		if change.Name == keyporter.EventTokenCreate || change.Name == keyporter.EventTokenImport {
			c.learn(change.TokenID)
			return
		}
		c.cache.dropToken(change.TokenID)
	case "access_token", "grant", "connection", "app":
		c.changedAccess(noun, change)
	case "user":
		// An organization token may speak for any user of the organization.
		c.cache.dropIf(func(e *entry) bool {
			return e.UserID == change.UserID || e.ofOrganization() && e.OrganizationID == change.OrganizationID
		})
	case "organization", "flag", "role":
		if change.Name == keyporter.EventOrganizationApps {
			c.cache.dropIf(func(e *entry) bool { return e.Access != nil && e.OrganizationID == change.OrganizationID })
			return
		}
		c.cache.dropIf(func(e *entry) bool { return e.OrganizationID == change.OrganizationID })
	default:
		c.Reset()
	}
}

// changedAccess drops what a change touches that is about access tokens.
func (c *Checker) changedAccess(noun string, change store.Change) {
	switch change.Name {
	case keyporter.EventAccessTokenCreate:
		c.learn(change.TokenID)
		return
	case keyporter.EventAppCreate, keyporter.EventAppSecretAdd, keyporter.EventAppSecretDelete, keyporter.EventAppPeople:
		return // no check asks about these
	}
	switch {
	case noun == "access_token" && change.TokenID != "":
		c.cache.dropToken(change.TokenID)
	case noun != "app" && change.ConnectionID != "":
		c.cache.dropIf(func(e *entry) bool { return e.Access != nil && e.Access.ConnectionID == change.ConnectionID })
	case change.AppID != "":
		c.cache.dropIf(func(e *entry) bool { return e.Access != nil && e.Access.AppID == change.AppID })
	default: // it doesn't say what it touches
		c.Reset()
	}
}

// learn makes the secrets of a new token known.
func (c *Checker) learn(token keyporter.ID) {
	ctx, cancel := context.WithTimeout(context.Background(), store.Silence)
	defer cancel()
	hashes, err := c.db.SecretHashesOf(ctx, token)
	if err != nil {
		c.known.reset() // then the database is asked, until they are all read anew
		return
	}
	c.known.add(hashes)
}

// Reset drops everything. See store.Follower.
func (c *Checker) Reset() {
	c.cache.dropIf(func(*entry) bool { return true })
	c.known.reset()
}

// Complete tells whether the Checker knows every secret that was issued, so that it
// refuses others without asking the database.
func (c *Checker) Complete() bool { return c.known.table.Load() != nil }

// renewEvery is how often the known secrets are read anew, if there were new ones.
const renewEvery = time.Hour

// Run keeps the Checker's memory complete and writes its counts, until ctx ends; then it
// writes the last of them.
func (c *Checker) Run(ctx context.Context) {
	tick, renew := time.NewTicker(flushEvery), time.NewTicker(renewEvery)
	defer tick.Stop()
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Silence)
			defer cancel()
			c.logged(c.Flush(last), "write the last counts")
			return
		case <-tick.C:
			c.logged(c.Flush(ctx), "write counts")
		case <-renew.C:
			c.known.renew()
		case <-c.known.rebuild:
			if err := c.known.fill(ctx, c.db.EachSecretHash); err != nil {
				c.logged(err, "read the hashes of all secrets")
				time.AfterFunc(time.Second, c.known.reset) // it may have been a reset that asked
			}
		}
	}
}

func (c *Checker) logged(err error, what string) {
	if err != nil {
		c.log.Warn("can't "+what, "error", err)
	}
}
