package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

func organizationCommand() *cobra.Command {
	cmd := group("organization", "Manage organizations and their features as the owner of the machine")
	o := &owner{}
	o.add(cmd, "database")
	cmd.AddCommand(
		o.organizationList(),
		o.command("grant ORGANIZATION FEATURE", "Grant a feature, such as OrganizationApiToken (Organization tokens)", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
			return o.changeFlag(cmd, args, o.GrantFlag, "granted to")
		}),
		o.command("withdraw ORGANIZATION FEATURE", "Withdraw a feature", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
			return o.changeFlag(cmd, args, o.WithdrawFlag, "withdrawn from")
		}),
		o.command("enable ORGANIZATION", "Lift a suspension", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeOrganization(cmd, args[0], o.EnableOrganization, "enabled")
		}),
		o.command("disable ORGANIZATION", "Suspend an organization: nobody signs in and no token works", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeOrganization(cmd, args[0], o.DisableOrganization, "disabled")
		}),
		o.command("passwords ORGANIZATION", "Allow passwords again, when the identity provider can't be reached", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeOrganization(cmd, args[0], o.allowPasswords, "allows passwords")
		}),
	)
	return cmd
}

func (o *owner) allowPasswords(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return o.SetPasswords(ctx, actor, id, true)
}

func (o *owner) organizationList() *cobra.Command {
	return o.command("list", "List organizations with their users and features", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tORGANIZATION\tACTIVE\tUSERS\tFEATURES")
		err := pages(func(after keyporter.ID) ([]control.OrganizationSummary, error) {
			return o.Organizations(cmd.Context(), keyporter.Command(), "", after)
		}, func(s control.OrganizationSummary) keyporter.ID {
			flags := make([]string, len(s.Flags))
			for i, f := range s.Flags {
				flags[i] = string(f)
			}
			fmt.Fprintf(w, "%s\t%s\t%t\t%d\t%s\n", s.ID, s.Name, s.Active, s.Users, strings.Join(flags, ", "))
			return s.ID
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

func (o *owner) changeFlag(cmd *cobra.Command, args []string, change func(context.Context, keyporter.Actor, keyporter.ID, keyporter.Flag) error, done string) error {
	org, err := o.OrganizationByName(cmd.Context(), keyporter.Command(), args[0])
	if err == nil {
		err = change(cmd.Context(), keyporter.Command(), org.ID, keyporter.Flag(args[1]))
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", args[1], done, org.Name)
	}
	return err
}

func (o *owner) changeOrganization(cmd *cobra.Command, name string, change func(context.Context, keyporter.Actor, keyporter.ID) error, done string) error {
	org, err := o.OrganizationByName(cmd.Context(), keyporter.Command(), name)
	if err == nil {
		err = change(cmd.Context(), keyporter.Command(), org.ID)
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", org.Name, done)
	}
	return err
}
