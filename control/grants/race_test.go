package grants_test

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// TestATokenWrittenWhileItsGrantIsRevokedDoesNotWork has the two transactions overlap, in both
// orders: neither sees the other, so the token is written and stays. No node accepts it once
// the revocation is committed, even one that had already accepted it. SQLite, which has one
// writer, runs one transaction after the other.
func TestATokenWrittenWhileItsGrantIsRevokedDoesNotWork(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		conn := n.Connect(t, ada, n.App(t, keyporter.App{}))
		nodes := []*keyportertest.Node{n}
		if store.IsPostgres(url) {
			nodes = append(nodes, keyportertest.NewNode(t, url))
		}
		for _, revocationIsFirst := range []bool{false, true} {
			r := newRevocation(t, n, conn)
			first, second := r.write, r.revoke
			if revocationIsFirst {
				first, second = r.revoke, r.write
			}
			if !store.IsPostgres(url) {
				r.do(first)
				_ = n.DB.Do(t.Context(), second) // writes nothing if the grant was revoked
			} else {
				r.do(func(tx *store.Tx) error {
					if err := first(tx); err != nil {
						return err
					}
					r.do(second)
					if !revocationIsFirst {
						return nil
					}
					for _, node := range nodes {
						keyportertest.Eventually(t, "every node accepts the token before its grant is revoked", func() bool { return node.Accepts(t, r.secret) })
					}
					return nil
				})
				if _, err := n.DB.AccessTokenByHash(t.Context(), r.secret.Hash()); err != nil {
					t.Errorf("the transactions didn't overlap: %v", err)
				}
			}
			if _, _, err := n.Grants.AccessToken(t.Context(), r.secret.Reveal()); keyporter.KindOf(err) != keyporter.NotFound || n.Accepts(t, r.secret) {
				t.Errorf("the token works, revocation first: %v: %v", revocationIsFirst, err)
			}
			for _, node := range nodes {
				keyportertest.Eventually(t, "every node refuses it", func() bool { return !node.Accepts(t, r.secret) })
			}
		}
	})
}

// revocation is a grant that is revoked while it gets a token.
type revocation struct {
	t      *testing.T
	n      *keyportertest.Node
	conn   keyporter.Connection
	grant  keyporter.ID
	secret keyporter.Secret
}

func newRevocation(t *testing.T, n *keyportertest.Node, conn keyporter.Connection) *revocation {
	t.Helper()
	earlier, _ := n.AccessToken(t, conn, keyporter.AccessToken{Scopes: conn.Scopes})
	return &revocation{t, n, conn, earlier.GrantID, keyporter.NewSecret(keyporter.SecretAccessToken)}
}

func (r *revocation) do(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.n.DB.Do(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *revocation) write(tx *store.Tx) error {
	now := r.n.Clock.Now()
	token := keyporter.AccessToken{ID: keyporter.NewID(now), GrantID: r.grant, Scopes: r.conn.Scopes, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := tx.InsertAccessToken(r.t.Context(), token, r.secret.Hash()); err != nil {
		return err
	}
	e := r.event(keyporter.EventAccessTokenCreate)
	e.TokenID = token.ID
	return tx.InsertEvent(r.t.Context(), e)
}

func (r *revocation) revoke(tx *store.Tx) error {
	if _, err := tx.RevokeGrant(r.t.Context(), r.grant, false, r.n.Clock.Now()); err != nil {
		return err
	}
	return tx.InsertEvent(r.t.Context(), r.event(keyporter.EventGrantRevoke))
}

func (r *revocation) event(name keyporter.EventName) keyporter.Event {
	now := r.n.Clock.Now()
	return keyporter.Event{
		ID: keyporter.NewID(now), At: now, Name: name,
		OrganizationID: r.conn.OrganizationID, UserID: r.conn.UserID, AppID: r.conn.AppID, ConnectionID: r.conn.ID,
	}
}
