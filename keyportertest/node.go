package keyportertest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
)

// Node is a Keyporter process without its doors: it makes changes and checks calls. Several on one
// database are several nodes.
type Node struct {
	DB      *store.DB
	Control *control.Control
	Grants  *grants.Grants
	Checker *verify.Checker
	Usage   *usage.Usage
	Clock   *Clock
}

// APIs returns the e-signature example at upstream: versions 1 to 5 and version 6, with the
// credentials and refusals their clients know.
func APIs(upstream string) []verify.API {
	all := []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialOrganizationToken, keyporter.CredentialAccessToken}
	return []verify.API{{Name: "esign", Upstream: upstream, Routes: []verify.Route{
		{Path: "/Api/{version}/version", Versions: "1-5", Methods: []string{"GET"}, Public: true, Refusals: verify.RefuseEmpty},
		{Path: "/Api/{version}/{rest...}", Versions: "1-5", Credentials: all, Refusals: verify.RefuseEmpty},
		{Path: "/Api.asmx", SOAP: true, Credentials: all},
		{Path: "/Api/{version}/system/version", Versions: "6-", Methods: []string{"GET"}, Public: true, Refusals: verify.RefuseError},
		{Path: "/Api/{version}/{rest...}", Versions: "6-", Refusals: verify.RefuseError},
	}}}
}

// Drive returns an API with a resource identifier and scopes, which accepts all kinds of access
// tokens.
func Drive(upstream string) verify.API {
	kinds := []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialAccessToken, keyporter.CredentialAppToken}
	return verify.API{Name: "drive", Upstream: upstream, Resource: "https://drive.example/v1", Routes: []verify.Route{
		{Path: "/drive/public", Public: true},
		{Path: "/drive/users/{rest...}", Scope: "file.read"},
		{Path: "/drive/{rest...}", Methods: []string{"GET"}, Scope: "file.read", Credentials: kinds},
		{Path: "/drive/{rest...}", Scope: "file.write", Credentials: kinds},
	}}
}

// NewNode starts a node on the database at url, with these APIs in addition to the usual ones. It
// returns once the node trusts its memory.
func NewNode(t testing.TB, url string, more ...verify.API) *Node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), url, log)
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{DB: db, Clock: &Clock{}}
	n.Usage = usage.New(db, n.Clock.Now)
	if n.Checker, err = verify.New(db, verify.Options{APIs: append(APIs("http://127.0.0.1:1"), more...), Address: "https://keys.example", Now: n.Clock.Now, Log: log, Usage: n.Usage}); err != nil {
		t.Fatal(err)
	}
	n.Grants = grants.New(db, grants.Options{Now: n.Clock.Now, Sealer: Sealer(t)})
	n.Control = control.New(db, control.Options{Now: n.Clock.Now, Usage: n.Usage, Checker: n.Checker, Sealer: Sealer(t), Scopes: Scopes(), Grants: n.Grants, PasswordCost: control.PasswordCost{Memory: 8, Passes: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	var jobs sync.WaitGroup
	jobs.Go(func() { db.Listen(ctx) })
	jobs.Go(func() { n.Checker.Run(ctx) })
	jobs.Go(func() { n.Usage.Run(ctx, log) })
	t.Cleanup(func() {
		cancel()
		jobs.Wait()
		_ = db.Close()
	})
	Eventually(t, "the node hears", db.Hears)
	Eventually(t, "the node knows all secrets", n.Checker.Complete)
	return n
}

// During does one thing once the node has run this many SQL statements of another, or is done with
// it. It returns when both are done.
func (n *Node) During(statements int, long, short func()) {
	from, done := n.DB.Statements(), make(chan struct{})
	go func() {
		defer close(done)
		long()
	}()
	for n.DB.Statements() < from+int64(statements) && !closed(done) {
		time.Sleep(20 * time.Microsecond) // less than a statement takes
	}
	short()
	<-done
}

// After does something right after each event of this name was committed, before its change returns. On
// SQLite, it can't make changes itself: they wait until this one returns.
func (n *Node) After(name keyporter.EventName, f func()) { n.DB.Follow(after{name, f}) }

type after struct {
	name keyporter.EventName
	f    func()
}

func (a after) Changed(changes ...store.Change) {
	for _, c := range changes {
		if c.Name == a.name {
			a.f()
		}
	}
}

func (a after) Reset() {}

// WhileWriting does something while a transaction has the database's writer, of which SQLite has one.
// If it waits for the writer, the test fails.
func (n *Node) WhileWriting(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	n.do(t, func(*store.Tx) error {
		go func() {
			defer close(done)
			f()
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("a request waits for the writer")
		}
		return nil
	})
	<-done
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Password is the password of every user that tests create.
const Password = "correct horse battery"

// User creates a user with these roles in the organization with this name, and the organization if
// there is none.
func User(t testing.TB, c *control.Control, organization, login string, roles ...keyporter.ID) keyporter.User {
	t.Helper()
	org, err := c.OrganizationByName(t.Context(), keyporter.Command(), organization)
	if keyporter.KindOf(err) == keyporter.NotFound {
		org, err = c.CreateOrganization(t.Context(), keyporter.Command(), organization)
	}
	if err != nil {
		t.Fatal(err)
	}
	u, err := c.CreateUser(t.Context(), keyporter.Command(), control.NewUser{OrganizationID: org.ID, Login: login, Password: Password, RoleIDs: roles})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Token adds a token for a user, and switches it on.
func Token(t testing.TB, c *control.Control, owner keyporter.User, name string) (keyporter.Token, keyporter.Secret) {
	t.Helper()
	token, secret, err := c.CreateToken(t.Context(), keyporter.Command(), control.NewToken{OwnerID: owner.ID, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if token, err = c.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	return token, secret
}

// OrganizationToken adds an organization token owned by a user, and switches it on. It gives the
// organization the feature for that.
func OrganizationToken(t testing.TB, c *control.Control, owner keyporter.User, name string) (keyporter.Token, keyporter.Secret) {
	t.Helper()
	ctx, me := t.Context(), keyporter.Command()
	if err := c.GrantFlag(ctx, me, owner.OrganizationID, keyporter.FlagOrganizationAPIToken); err != nil {
		t.Fatal(err)
	}
	token, secret, err := c.CreateToken(ctx, me, control.NewToken{Kind: keyporter.OrganizationToken, OwnerID: owner.ID, Name: name})
	if err == nil {
		token, err = c.EnableToken(ctx, me, token.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return token, secret
}

// SetRoles gives a user these roles. It creates those that aren't predefined.
func SetRoles(t testing.TB, n *Node, user keyporter.User, roles ...keyporter.Role) {
	t.Helper()
	ids := []keyporter.ID{}
	err := n.DB.Do(t.Context(), func(tx *store.Tx) error {
		for _, r := range roles {
			if _, ok := keyporter.PredefinedRole(r.ID); !ok {
				r.OrganizationID = user.OrganizationID
				if err := tx.InsertRole(t.Context(), r, n.Clock.Now()); err != nil {
					return err
				}
			}
			ids = append(ids, r.ID)
		}
		if err := tx.SetUserRoles(t.Context(), user.ID, ids); err != nil {
			return err
		}
		return tx.InsertEvent(t.Context(), keyporter.Event{ID: keyporter.NewID(n.Clock.Now()), Name: keyporter.EventUserRoles, OrganizationID: user.OrganizationID, UserID: user.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// UseAPI returns a new role with this effect on api.use; zero: none.
func UseAPI(e keyporter.Effect) keyporter.Role {
	id := keyporter.NewID(time.Now())
	r := keyporter.Role{ID: id, Name: string(id)}
	if e != 0 {
		r.Effects = map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: e}
	}
	return r
}

// Session returns the actor of a session of the user, who signed in just now.
func Session(u keyporter.User) keyporter.Actor {
	return keyporter.Session(u, time.Now()).From(Nobody())
}

// Nobody returns the actor of a request before it is authenticated.
func Nobody() keyporter.Actor { return keyporter.Actor{Address: "192.0.2.1"} }

// Insert writes a user without a password, which saves the work of hashing one.
func (n *Node) Insert(t testing.TB, u keyporter.User) {
	t.Helper()
	if err := n.DB.Do(t.Context(), func(tx *store.Tx) error { return tx.InsertUser(t.Context(), u, "") }); err != nil {
		t.Fatal(err)
	}
}

// Vouch records that a user has signed in at a provider, which knows them by the subject.
func (n *Node) Vouch(t testing.TB, p keyporter.IdentityProvider, subject string, u keyporter.User) {
	t.Helper()
	err := n.DB.Do(t.Context(), func(tx *store.Tx) error {
		return tx.InsertIdentity(t.Context(), p.ID, subject, u.ID, n.Clock.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
}
