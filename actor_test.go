package keyporter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

func TestEachKindOfActorHasItsLimits(t *testing.T) {
	ada := keyporter.User{ID: "01ada"}
	credential := keyporter.Actor{Kind: keyporter.ActorCredential, User: ada, CredentialID: "01token"}
	limited := credential
	limited.Rights.Management = []keyporter.Permission{keyporter.PermissionManageUsers}
	for name, c := range map[string]struct {
		actor                  keyporter.Actor
		signedIn, users, roles bool
	}{
		"a session":               {keyporter.Session(ada, time.Time{}), true, true, true},
		"the command line":        {keyporter.Command(), false, true, true},
		"Keyporter itself":        {keyporter.System(), false, true, true},
		"a credential":            {credential, false, false, false},
		"a credential with users": {limited, false, true, false},
		"nobody":                  {keyporter.Actor{}, false, false, false},
		"nobody with a name":      {keyporter.Actor{User: ada, Rights: limited.Rights}, false, false, false},
		"a kind nobody foresaw":   {keyporter.Actor{Kind: "ghost", User: ada, Rights: limited.Rights}, false, false, false},
	} {
		if got := c.actor.SignedIn(); got != c.signedIn {
			t.Errorf("%s is signed in: %v", name, got)
		}
		if got := c.actor.Is(ada.ID); got != c.signedIn {
			t.Errorf("%s is Ada in person: %v", name, got)
		}
		if c.actor.Is("") || c.actor.Is("01grace") {
			t.Errorf("%s is another user", name)
		}
		if got := c.actor.Can(keyporter.PermissionManageUsers); got != c.users {
			t.Errorf("%s can manage users: %v", name, got)
		}
		if got := c.actor.Can(keyporter.PermissionManageRoles); got != c.roles {
			t.Errorf("%s can manage roles: %v", name, got)
		}
	}
}

// Code that compares an actor's kind decides on its own who may do what. Only actor.go decides that.
func TestOnlyActorComparesItsKind(t *testing.T) {
	files := token.NewFileSet()
	var places []string
	walk(t, func(name string, d fs.DirEntry) {
		if d.IsDir() || path.Ext(name) != ".go" {
			return
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if slices.Contains([]token.Token{token.EQL, token.NEQ}, n.Op) && (isActorSession(n.X) || isActorSession(n.Y)) {
					places = append(places, files.Position(n.Pos()).String())
				}
			case *ast.CaseClause:
				if slices.ContainsFunc(n.List, isActorSession) {
					places = append(places, files.Position(n.Pos()).String())
				}
			}
			return true
		})
	})
	if len(places) != 1 {
		t.Errorf("ActorSession is compared at %v, want it in Actor.SignedIn only", places)
	}
}

func isActorSession(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "ActorSession"
}
