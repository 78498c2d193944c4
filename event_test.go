package keyporter

import "testing"

func TestWhatTakesPower(t *testing.T) {
	t.Parallel()
	for name, want := range map[EventName]bool{
		EventUserDisable: true, EventConnectionScopes: true, EventAppSecretDelete: true, EventPasswordsOff: true, EventOrganizationDisable: true,
		EventUserEnable: false, EventTokenCreate: false, EventRoleUpdate: false, EventUserRoles: false, EventPasswordsOn: false, EventConnectionExtend: false,
	} {
		if got := name.TakesPower(); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
