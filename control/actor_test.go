package control_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/verify"
)

// publicOperations lists the operations that don't require permissions: those for signing in.
func publicOperations() []string {
	return []string{
		"BeginProviderSignIn", "HasProviders", "JoinByPassword", "JoinLogin", "ResumeProviderSignIn", "Session", "Setup", "SetupOpen", "SignIn", "SignInByProvider", "UnattendedSession",
	}
}

// operations returns the exported methods of Control that take an actor.
func operations() (all []reflect.Method) {
	for op := range reflect.TypeFor[*control.Control]().Methods() {
		if takesActor(op) {
			all = append(all, op)
		}
	}
	return all
}

func TestEveryOperationTakesAnActor(t *testing.T) {
	for op := range reflect.TypeFor[*control.Control]().Methods() {
		if !takesActor(op) {
			t.Errorf("Control.%s doesn't take a context and an actor", op.Name)
		}
	}
}

func takesActor(op reflect.Method) bool {
	return op.Type.NumIn() >= 3 && op.Type.In(1) == reflect.TypeFor[context.Context]() && op.Type.In(2) == reflect.TypeFor[keyporter.Actor]()
}

// TestActorsWithoutPermissionsAreRefusedEverywhere calls every operation with every combination of
// arguments, as actors without permissions who claim to be a user who has all of them. To make sure
// that the arguments aren't the reason for a refusal, someone with permissions must get further with
// them.
func TestActorsWithoutPermissionsAreRefusedEverywhere(t *testing.T) {
	d := newDevelopers(t, keyportertest.Database(t))
	root, with := d.everything(t)
	now := time.Now()
	all := keyporter.Rights{Management: []keyporter.Permission{keyporter.PermissionManageUsers, keyporter.PermissionManageTokens}}
	for who, actor := range map[string]keyporter.Actor{
		"nobody":                      {},
		"nobody with a name":          {User: root, SignedInAt: now},
		"a credential without rights": {Kind: keyporter.ActorCredential, User: root, CredentialID: "01token", SignedInAt: now},
		"an unknown kind of actor":    {Kind: "ghost", User: root, SignedInAt: now, Rights: all},
	} {
		d.refusedEverywhere(t, who, actor, with)
	}
	wantKind(t, d.Control.DisableUser(t.Context(), keyporter.Command(), root.ID), noError)
	d.refusedEverywhere(t, "a user switched off since they signed in", keyportertest.Session(root), with)
	wantKind(t, d.Control.EnableUser(t.Context(), keyporter.Command(), root.ID), noError)
	var last []reflect.Method
	for _, op := range slices.Backward(operations()) { // DeleteAppSecret before DeleteApp
		if isDestructive(op.Name) {
			last = append(last, op)
		}
	}
	for _, op := range append(slices.DeleteFunc(operations(), func(op reflect.Method) bool { return isDestructive(op.Name) }), last...) {
		if !slices.Contains(publicOperations(), op.Name) && !d.someoneIsAllowed(t, op, with, keyporter.Command(), keyportertest.Session(root)) {
			t.Errorf("%s refuses everyone: the test needs arguments that it accepts", op.Name)
		}
	}
}

// isDestructive reports whether an operation destroys what others need.
func isDestructive(name string) bool {
	return slices.ContainsFunc([]string{"Delete", "Disable", "Disconnect", "Dismiss", "Remove", "SignOut", "Suspend"}, func(verb string) bool {
		return strings.HasPrefix(name, verb)
	})
}

// arguments maps types to values to call operations with.
type arguments map[reflect.Type][]any

func (a arguments) add(values ...any) {
	for _, v := range values {
		a[reflect.TypeOf(v)] = append(a[reflect.TypeOf(v)], v)
	}
}

// eachCombination calls f with all combinations of arguments for an operation, until f returns false.
func (a arguments) eachCombination(t *testing.T, op reflect.Method, f func(in []any) bool) {
	t.Helper()
	combinations := [][]any{nil}
	for i := 3; i < op.Type.NumIn(); i++ {
		values := a[op.Type.In(i)]
		if len(values) == 0 {
			t.Fatalf("%s: the test needs an argument of type %s", op.Name, op.Type.In(i))
		}
		var longer [][]any
		for _, c := range combinations {
			for _, v := range values {
				longer = append(longer, append(slices.Clone(c), v))
			}
		}
		combinations = longer
	}
	for _, in := range combinations {
		if !f(in) {
			return
		}
	}
}

func (d *developers) call(t *testing.T, op reflect.Method, actor keyporter.Actor, in []any) error {
	t.Helper()
	values := []reflect.Value{reflect.ValueOf(d.Control), reflect.ValueOf(t.Context()), reflect.ValueOf(actor)}
	for _, v := range in {
		values = append(values, reflect.ValueOf(v))
	}
	out := op.Func.Call(values)
	err, _ := reflect.TypeAssert[error](out[len(out)-1])
	return err
}

// isRefusal reports whether an operation refused the actor, or pretended that the object doesn't exist.
func isRefusal(err error) bool {
	return slices.Contains([]keyporter.Kind{keyporter.Unauthorized, keyporter.Forbidden, keyporter.NotFound}, keyporter.KindOf(err))
}

func (d *developers) refusedEverywhere(t *testing.T, who string, actor keyporter.Actor, with arguments) {
	t.Helper()
	before := events(t, d.world, d.ada.OrganizationID)
	for _, op := range operations() {
		if slices.Contains(publicOperations(), op.Name) {
			continue
		}
		with.eachCombination(t, op, func(in []any) bool {
			err := d.call(t, op, actor, in)
			if !isRefusal(err) {
				t.Errorf("%s: %s(%v): %v", who, op.Name, in, err)
			}
			return isRefusal(err)
		})
	}
	if n := events(t, d.world, d.ada.OrganizationID) - before; n != 0 {
		t.Errorf("%s: refused, but with %d events", who, n)
	}
}

func (d *developers) someoneIsAllowed(t *testing.T, op reflect.Method, with arguments, actors ...keyporter.Actor) (further bool) {
	t.Helper()
	for _, actor := range actors {
		with.eachCombination(t, op, func(in []any) bool {
			further = !isRefusal(d.call(t, op, actor, in))
			return !further
		})
		if further {
			return true
		}
	}
	return false
}

// everything creates one of each kind of object in Acme. It returns a user who has all permissions
// and owns them, and arguments for all operations.
func (d *developers) everything(t *testing.T) (root keyporter.User, with arguments) {
	t.Helper()
	ctx, me := t.Context(), keyporter.Command()
	acme := d.ada.OrganizationID
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := d.Control.CreateUser(ctx, me, control.NewUser{
		OrganizationID: acme, Login: "root@acme.example", Password: keyportertest.Password, Operator: true, RoleIDs: []keyporter.ID{keyporter.RoleAdministrator},
	})
	must(err)
	token, _ := keyportertest.Token(t, d.Control, root, "All")
	shared, _ := keyportertest.OrganizationToken(t, d.Control, root, "All")
	app := keyporter.App{
		OrganizationID: acme, Name: "All", Publisher: "Acme", Authentication: keyporter.AppSecret, Webhook: "https://app.example/hook",
		RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "envelope.read"}},
	}
	app, err = d.Control.RegisterApp(ctx, keyportertest.Session(root), app)
	must(err)
	var picture bytes.Buffer
	must(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))))
	must(d.Control.SetAppImage(ctx, me, app.ID, picture.Bytes()))
	appSecret, _, err := d.Control.AddAppSecret(ctx, me, app.ID)
	must(err)
	connection := d.Connect(t, root, app)
	role := d.role(t, "Some", "+events.read")
	must(d.DB.Do(ctx, func(tx *store.Tx) error {
		return tx.AddRefusals(ctx, []keyporter.RefusedCall{{
			ID: "refused", RequestID: "refused", At: time.Now(), OrganizationID: acme, CredentialID: token.ID, Reason: keyporter.ReasonDisabled, Method: "GET", Path: "/Api/v6/envelopes",
		}})
	}))
	gone := []keyporter.ID{}
	for _, name := range []string{"Gone", "Gone, too"} {
		deleted, _ := keyportertest.Token(t, d.Control, root, name)
		must(d.Control.DeleteToken(ctx, me, deleted.ID))
		gone = append(gone, deleted.ID)
	}
	first, browser := d.Ask(t, app)
	second, other := d.Ask(t, app)

	with = arguments{}
	with.add(acme, root.ID, d.ada.ID, token.ID, shared.ID, app.ID, appSecret.ID, connection.ID, role.ID, gone[1])
	with.add(control.Restore{TokenID: gone[0]})
	with.add("ada@acme.example", "Acme", "refused", first, browser)
	with.add(true, false, 1, time.Now().Add(time.Hour), picture.Bytes(), []keyporter.ID{}, []keyporter.ID{token.ID})
	with.add(control.ConnectionList{}, control.ConnectionList{Everyone: true}, control.RefusalList{}, control.TokenList{}, control.TokenList{OwnerID: root.ID}, control.TokenChange{Action: control.EnableTokens}, control.DeletedTokenList{})
	with.add(keyporter.UserToken, keyporter.OrganizationToken, keyporter.FlagAPI, keyporter.NoApps)
	with.add(control.HandOver{TokenID: shared.ID, Login: "ada@acme.example"})
	with.add(control.NewToken{OwnerID: root.ID, Name: "New"}, []control.ImportedToken{}, control.ImportOptions{})
	with.add(control.NewUser{OrganizationID: acme, Login: "new@acme.example", Password: keyportertest.Password})
	with.add(control.UserList{OrganizationID: acme}, control.UserSearch{OrganizationID: acme}, control.UserRoles{UserID: d.ada.ID}, role)
	with.add(app, control.AppList{}, control.AppPeople{AppID: app.ID}, control.ConnectApp{Request: second, Browser: other})
	with.add(keyporter.IdentityProvider{OrganizationID: acme, Name: "Acme", Issuer: "https://idp.example", ClientID: "1", Domains: []string{"acme.example"}})
	with.add(&verify.Request{Method: "GET"}, grants.Authorization{AppID: app.ID})
	return root, with
}
