package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// situation is everything the policy looks at, in the words of its table.
type situation struct {
	token string // user or organization
	api   string // the REST version, or SOAP
	flags string // those the organization has, in order
	owner string // what the owner's roles say about api.use: nothing, grants, blocks, both
	named string // the same for the user the call names
}

// policy says who may call what. The first line that matches decides; an empty column matches everything.
var policy = []struct {
	situation

	is keyporter.Reason
}{
	{situation{token: "organization", api: "6 7"}, keyporter.ReasonVersion},
	{situation{flags: "none|OrganizationApiToken"}, keyporter.ReasonFlag},
	{situation{token: "organization", flags: "Api"}, keyporter.ReasonNoOrganizationTokens},
	{situation{owner: "nothing"}, keyporter.ReasonNotGranted},
	{situation{owner: "blocks both"}, keyporter.ReasonBlocked},
	{situation{token: "user"}, keyporter.Allowed},
	{situation{named: "nothing"}, keyporter.ReasonNamedNotGranted},
	{situation{named: "blocks both"}, keyporter.ReasonNamedBlocked},
	{situation{}, keyporter.Allowed},
}

func decide(s situation) keyporter.Reason {
	fits := func(column, is string) bool {
		return column == "" || slices.Contains(strings.FieldsFunc(column, func(r rune) bool { return r == ' ' || r == '|' }), is) || column == is
	}
	for _, line := range policy {
		if fits(line.token, s.token) && fits(line.api, s.api) && fits(line.flags, s.flags) && fits(line.owner, s.owner) && fits(line.named, s.named) {
			return line.is
		}
	}
	panic("the last line fits everything")
}

func rolesFor(says string) []keyporter.Role {
	grants, blocks := keyportertest.UseAPI(keyporter.EffectGrant), keyportertest.UseAPI(keyporter.EffectBlock)
	return map[string][]keyporter.Role{"nothing": nil, "grants": {grants}, "blocks": {blocks}, "both": {grants, blocks}}[says]
}

func setFlags(t *testing.T, n *keyportertest.Node, organization keyporter.ID, flags string) {
	t.Helper()
	for _, f := range []keyporter.Flag{keyporter.FlagAPI, keyporter.FlagOrganizationAPIToken} {
		change := n.Control.WithdrawFlag
		if slices.Contains(strings.Fields(flags), string(f)) {
			change = n.Control.GrantFlag
		}
		if err := change(t.Context(), keyporter.Command(), organization, f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThePolicy tries every combination of flags, roles, tokens, and versions, and the very
// next call after each change.
func TestThePolicy(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		owner := keyportertest.User(t, n.Control, "Acme", "ada@acme.example")
		named := keyportertest.User(t, n.Control, "Acme", "grace@acme.example")
		_, ofUser := keyportertest.Token(t, n.Control, owner, "Mine")
		_, ofOrganization := keyportertest.OrganizationToken(t, n.Control, owner, "Ours")
		tried := 0
		for _, flags := range []string{"none", "Api", "OrganizationApiToken", "Api OrganizationApiToken"} {
			setFlags(t, n, owner.OrganizationID, flags)
			for _, ownerSays := range []string{"nothing", "grants", "blocks", "both"} {
				keyportertest.SetRoles(t, n, owner, rolesFor(ownerSays)...)
				for _, namedSays := range []string{"nothing", "grants", "blocks", "both"} {
					keyportertest.SetRoles(t, n, named, rolesFor(namedSays)...)
					for _, api := range []string{"1", "2", "3", "4", "5", "6", "7", "SOAP"} {
						path := "/Api/v" + api + "/envelope/find"
						if api == "SOAP" {
							path = "/Api.asmx"
						}
						for token, req := range map[string]verify.Request{
							"user":         {APIToken: []string{ofUser.Reveal()}},
							"organization": {OrganizationKey: []string{ofOrganization.Reveal()}, UserLoginName: []string{named.Login}},
						} {
							req.Method, req.Path = "POST", path
							s := situation{token, api, flags, ownerSays, namedSays}
							d := n.Checker.Check(t.Context(), &req)
							if want := decide(s); d.Reason != want || d.Allowed != (want == keyporter.Allowed) {
								t.Errorf("%+v: allowed %v, reason %q; want %q", s, d.Allowed, d.Reason, want)
							}
							tried++
						}
					}
				}
			}
		}
		if tried != 4*4*4*8*2 {
			t.Errorf("%d combinations were tried", tried)
		}
	})
}

// TestABlockNeverAllowsMore gives users random roles and their connections random scopes, adds
// a block, removes a role or a scope, and looks at what each change does to every call.
func TestABlockNeverAllowsMore(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t), keyportertest.Drive("http://127.0.0.1:1"))
	app := n.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read", "file.write")})
	type side struct {
		owner, named keyporter.User
		connection   keyporter.Connection
	}
	sides := map[string]side{}
	calls := map[string]verify.Request{}
	for _, organization := range []string{"acme", "rival"} {
		s := side{
			keyportertest.User(t, n.Control, organization, "ada@"+organization+".example", keyporter.RoleAPIUser),
			keyportertest.User(t, n.Control, organization, "grace@"+organization+".example", keyporter.RoleAPIUser),
			keyporter.Connection{},
		}
		s.connection = n.Connect(t, s.owner, app, "file.read", "file.write")
		sides[organization] = s
		_, secret := keyportertest.Token(t, n.Control, s.owner, "Mine")
		calls[organization+" user"] = verify.Request{APIToken: []string{secret.Reveal()}}
		_, secret = n.AccessToken(t, s.connection, keyporter.AccessToken{Scopes: []string{"file.read", "file.write"}})
		calls[organization+" access"] = verify.Request{Authorization: []string{"Bearer " + secret.Reveal()}}
		_, secret = keyportertest.OrganizationToken(t, n.Control, s.owner, "Ours")
		calls[organization+" organization"] = verify.Request{OrganizationKey: []string{secret.Reveal()}, UserLoginName: []string{s.named.Login}}
	}
	allowed := func() map[string]bool {
		all := map[string]bool{}
		for who, req := range calls {
			for _, version := range []int{1, 5, 6} {
				req.Method, req.Path = "GET", fmt.Sprintf("/Api/v%d/envelope", version)
				all[fmt.Sprint(who, " ", version)] = n.Checker.Check(t.Context(), &req).Allowed
			}
			for _, method := range []string{"GET", "POST"} {
				req.Method, req.Path = method, "/drive/1"
				all[fmt.Sprint(who, " drive ", method)] = n.Checker.Check(t.Context(), &req).Allowed
			}
		}
		return all
	}
	anyRoles := rapid.SliceOfN(rapid.SampledFrom([]keyporter.Effect{keyporter.EffectGrant, keyporter.EffectGrant, 0, keyporter.EffectBlock}), 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) (roles []keyporter.Role) {
			for _, e := range anyRoles.Draw(rt, label) {
				roles = append(roles, keyportertest.UseAPI(e))
			}
			return roles
		}
		owner, named := sides["acme"].owner, sides["acme"].named
		ownerRoles := draw("owner")
		keyportertest.SetRoles(t, n, owner, ownerRoles...)
		keyportertest.SetRoles(t, n, named, draw("named")...)
		scopes := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"file.read", "file.write", "file"}), rapid.ID[string]).Draw(rt, "scopes")
		n.SetScopes(t, sides["acme"].connection, scopes...)
		before := allowed()
		n.SetScopes(t, sides["acme"].connection, scopes[:len(scopes)/2]...)
		narrower := allowed()
		n.SetScopes(t, sides["acme"].connection, scopes...)

		renew := func(roles []keyporter.Role) (fresh []keyporter.Role) {
			for _, r := range roles {
				fresh = append(fresh, keyportertest.UseAPI(r.Effects[keyporter.PermissionUseAPI]))
			}
			return fresh
		}
		keyportertest.SetRoles(t, n, owner, append(renew(ownerRoles), keyportertest.UseAPI(keyporter.EffectBlock))...)
		blocked := allowed()
		if len(ownerRoles) > 0 {
			keyportertest.SetRoles(t, n, owner, renew(ownerRoles[1:])...)
		}
		fewer := allowed()
		for call := range before {
			if blocked[call] && !before[call] {
				rt.Fatalf("%s: allowed only after a block was added", call)
			}
			if narrower[call] && !before[call] || narrower[call] != before[call] && !strings.HasPrefix(call, "acme access drive") {
				rt.Fatalf("%s: %v before scopes were removed, %v after", call, before[call], narrower[call])
			}
			never := strings.HasSuffix(call, "organization 6") || strings.Contains(call, "organization drive")
			if strings.HasPrefix(call, "rival") && (before[call] == never || before[call] != fewer[call] || before[call] != blocked[call]) {
				rt.Fatalf("%s: changed by the roles of another organization's user", call)
			}
		}
	})
}
