package keyporter_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
)

func TestABlockBeatsEveryGrant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		effect := rapid.SampledFrom([]keyporter.Effect{keyporter.EffectGrant, keyporter.EffectBlock, 0})
		var roles []keyporter.Role
		var granted, blocked bool
		for i, e := range rapid.SliceOf(effect).Draw(t, "effects") {
			roles = append(roles, keyporter.Role{Name: fmt.Sprint(i), Effects: map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: e}})
			granted, blocked = granted || e == keyporter.EffectGrant, blocked || e == keyporter.EffectBlock
		}
		res := keyporter.Resolve(roles, keyporter.PermissionUseAPI)
		if res.Held() != (granted && !blocked) {
			t.Fatalf("held %v of %+v", res.Held(), roles)
		}
	})
}

func TestPredefinedRoles(t *testing.T) {
	holds := func(id keyporter.ID) (held []keyporter.Permission) {
		r, ok := keyporter.PredefinedRole(id)
		if !ok {
			t.Fatalf("no role %s", id)
		}
		for _, p := range keyporter.Permissions() {
			if keyporter.Resolve([]keyporter.Role{r}, p.Permission).Held() {
				held = append(held, p.Permission)
			}
		}
		return held
	}
	for id, want := range map[keyporter.ID][]keyporter.Permission{
		keyporter.RoleAPIUser: {"api.use", "apps.connect"}, keyporter.RoleDeveloper: {"apps.register"}, keyporter.RoleAuditor: {"events.read"}, keyporter.RoleMember: nil,
	} {
		if got := holds(id); !slices.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", id, got, want)
		}
	}
	if len(holds(keyporter.RoleAdministrator)) != len(keyporter.Permissions()) {
		t.Error("an administrator can't give every permission")
	}
	if _, ok := keyporter.PredefinedRole("root"); ok {
		t.Error("there is a role root")
	}
}

func TestFlagsAreAClosedList(t *testing.T) {
	for f, want := range map[keyporter.Flag]bool{"Api": true, "OrganizationApiToken": true, "CustomUserRoles": true, "api": false, "": false} {
		if f.Valid() != want {
			t.Errorf("%q: valid %v", f, f.Valid())
		}
	}
}

func TestATokenExpires(t *testing.T) {
	now := time.Now()
	for at, want := range map[time.Time]bool{{}: false, now: true, now.Add(-1): true, now.Add(1): false} {
		if token := (keyporter.Token{ExpiresAt: at}); token.Expired(now) != want {
			t.Errorf("expiry %v after now: expired %v", at.Sub(now), !want)
		}
	}
}

func TestIDsSortByAge(t *testing.T) {
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		later := time.Duration(rapid.Int64Range(1, 1<<50).Draw(t, "later")) * time.Microsecond
		a, b := keyporter.NewID(now), keyporter.NewID(now.Add(later))
		if a >= b || len(a) != 26 {
			t.Fatalf("%s is not before %s", a, b)
		}
	})
}

// reasons returns every Reason that decision.go declares.
func reasons(t *testing.T) (all []keyporter.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		of, isName := v.Type.(*ast.Ident)
		value, isText := v.Values[0].(*ast.BasicLit)
		if !isName || of.Name != "Reason" || !isText {
			return true
		}
		text, err := strconv.Unquote(value.Value)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" { // the call was allowed
			all = append(all, keyporter.Reason(text))
		}
		return true
	})
	if len(all) < 30 {
		t.Fatalf("only %d reasons were found", len(all))
	}
	return all
}

func TestRefusalsFollowRFC6750(t *testing.T) {
	const unknown keyporter.Reason = "one that nobody knows"
	for _, r := range append(reasons(t), unknown) {
		if r != unknown && r != keyporter.ReasonUnavailable && r.Refusal().Text == unknown.Refusal().Text {
			t.Errorf("%s has no refusal of its own", r)
		}
		refusal := r.Refusal()
		if refusal.Status < 400 || refusal.Text == "" {
			t.Errorf("%s: %+v", r, refusal)
		}
		// RFC 6750 §3: error_description holds %x20-21 / %x23-5B / %x5D-7E only.
		if strings.ContainsFunc(refusal.Text, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) {
			t.Errorf("%s: %q can't be in WWW-Authenticate", r, refusal.Text)
		}
	}
}

func TestErrorsAboutInputsAreJoined(t *testing.T) {
	name, taken := keyporter.InvalidField("name", "Enter a name."), keyporter.ConflictField("login", "Taken.")
	foreign := errors.New("dial tcp")
	for _, c := range []struct {
		errs []error
		kind keyporter.Kind
		text string
	}{
		{[]error{nil, name}, keyporter.Invalid, "Enter a name."},
		{[]error{taken, nil, fmt.Errorf("wrapped: %w", name)}, keyporter.Invalid, "Taken. Enter a name."},
		{[]error{taken, taken}, keyporter.Conflict, "Taken. Taken."},
		{[]error{name, keyporter.Refuse(keyporter.Forbidden, "You may not."), taken}, keyporter.Forbidden, "You may not."},
		{[]error{name, foreign}, keyporter.Unknown, ""},
	} {
		err := keyporter.JoinFields(c.errs...)
		if keyporter.KindOf(err) != c.kind || keyporter.MessageOf(err) != c.text || err == nil {
			t.Errorf("%v make %v", c.errs, err)
		}
		if c.text == "" && !errors.Is(err, foreign) {
			t.Errorf("%v hides what went wrong", err)
		}
	}
	if err := keyporter.JoinFields(nil, nil); err != nil {
		t.Errorf("nothing is wrong, but the error is %v", err)
	}
}

func TestErrorsKeepTheirKindWhenWrapped(t *testing.T) {
	err := fmt.Errorf("rename token: %w", &keyporter.Error{Kind: keyporter.Conflict, Message: "Taken.", Err: errors.New("constraint")})
	if keyporter.KindOf(err) != keyporter.Conflict || keyporter.MessageOf(err) != "Taken." {
		t.Errorf("%v has kind %d", err, keyporter.KindOf(err))
	}
	if got := err.Error(); got != "rename token: Taken. (constraint)" {
		t.Errorf("the log says %q", got)
	}
	if foreign := errors.New("dial tcp"); keyporter.KindOf(foreign) != keyporter.Unknown || keyporter.MessageOf(foreign) != "" || keyporter.MessageOf(nil) != "" {
		t.Error("an error from elsewhere has a message for people")
	}
}
