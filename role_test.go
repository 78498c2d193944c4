package keyporter_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
)

// anyRole draws a custom role with any effects.
func anyRole(t *rapid.T) keyporter.Role {
	r := keyporter.Role{OrganizationID: "org", Effects: map[keyporter.Permission]keyporter.Effect{}}
	for _, p := range keyporter.Permissions() {
		if e := rapid.SampledFrom([]keyporter.Effect{keyporter.EffectGrant, keyporter.EffectBlock, 0}).Draw(t, string(p.Permission)); e != 0 {
			r.Effects[p.Permission] = e
		}
	}
	return r
}

func TestAddingABlockNeverLetsAnyoneHoldMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SliceOfN(rapid.Custom(anyRole), 1, 5).Draw(t, "roles")
		before := keyporter.Held(roles)
		blocked := rapid.SampledFrom(keyporter.Permissions()).Draw(t, "blocked").Permission
		rapid.SampledFrom(roles).Draw(t, "role").Effects[blocked] = keyporter.EffectBlock
		after := keyporter.Held(roles)
		for _, p := range after {
			if !slices.Contains(before, p) {
				t.Errorf("after blocking %s, the user holds %s", blocked, p)
			}
		}
		if slices.Contains(after, blocked) {
			t.Errorf("%s is blocked, but held", blocked)
		}
	})
}

func TestAResolutionNamesTheRoles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SliceOf(rapid.Custom(anyRole)).Draw(t, "roles")
		for _, p := range keyporter.Permissions() {
			res := keyporter.Resolve(roles, p.Permission)
			with := func(e keyporter.Effect) (all []keyporter.Role) {
				for _, r := range roles {
					if r.Effects[p.Permission] == e {
						all = append(all, r)
					}
				}
				return all
			}
			if !reflect.DeepEqual(res.Granting, with(keyporter.EffectGrant)) || !reflect.DeepEqual(res.Blocking, with(keyporter.EffectBlock)) {
				t.Errorf("%+v", res)
			}
			if res.Held() != slices.Contains(keyporter.Held(roles), p.Permission) {
				t.Errorf("%s is both held and not held", p.Permission)
			}
		}
	})
}

func TestPermissionsAndFlagsHaveNames(t *testing.T) {
	for _, info := range keyporter.Permissions() {
		if !info.Permission.Valid() || info.Name == "" || info.Means == "" || info.Permission.Name() != info.Name {
			t.Errorf("%s is called %q and means %q", info.Permission, info.Permission.Name(), info.Means)
		}
	}
	for _, info := range keyporter.Flags() {
		if !info.Flag.Valid() || info.Name == "" || info.Means == "" || info.Flag.Name() != info.Name {
			t.Errorf("%s is called %q and means %q", info.Flag, info.Flag.Name(), info.Means)
		}
	}
	if p, f := keyporter.Permission("everything"), keyporter.Flag("everything"); p.Valid() || p.Name() != "everything" || f.Valid() || f.Name() != "everything" {
		t.Errorf("an unknown permission %s is on a list", p)
	}
}
