package keyporter

import "slices"

// Flag is a feature that the operator grants to an organization. The list is closed:
// a flag that is not here doesn't exist.
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
	Default bool // granted to a new organization
	Means   string
}

// Flags lists every flag, in the order in which pages show them.
func Flags() []FlagInfo {
	return []FlagInfo{
		{FlagAPI, true, "Users of the organization may call the APIs."},
		{FlagOrganizationAPIToken, false, "Organization API tokens (deprecated) exist and work: each speaks for any user of the organization."},
		{FlagCustomUserRoles, true, "Administrators of the organization make roles of their own."},
	}
}

// Valid tells whether the flag is on the list.
func (f Flag) Valid() bool {
	return slices.ContainsFunc(Flags(), func(info FlagInfo) bool { return info.Flag == f })
}
