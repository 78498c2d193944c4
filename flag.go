package keyporter

import "slices"

// Flag is a feature that the operator grants to an organization. These are all the flags:
// nobody can add one.
type Flag string

// The flags.
const (
	FlagAPI                  Flag = "Api"
	FlagOrganizationAPIToken Flag = "OrganizationApiToken"
	FlagCustomUserRoles      Flag = "CustomUserRoles"
)

// FlagInfo describes a flag for people.
type FlagInfo struct {
	Flag    Flag
	Name    string // "API access"
	Default bool   // granted to a new organization
	Means   string
}

// Flags lists every flag, in the order pages show them.
func Flags() []FlagInfo {
	return []FlagInfo{
		{FlagAPI, "API access", true, "Users of the organization can call the APIs."},
		{FlagOrganizationAPIToken, "Organization tokens", false, "Users can add organization API tokens (deprecated), each of which acts for any user of the organization."},
		{FlagCustomUserRoles, "Custom roles", true, "Administrators of the organization can create their own roles."},
	}
}

// Valid reports whether the flag is on the list.
func (f Flag) Valid() bool {
	return slices.ContainsFunc(Flags(), func(info FlagInfo) bool { return info.Flag == f })
}

// Name is what people call the feature: "API access".
func (f Flag) Name() string {
	for _, info := range Flags() {
		if info.Flag == f {
			return info.Name
		}
	}
	return string(f)
}
