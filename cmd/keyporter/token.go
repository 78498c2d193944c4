package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

func tokenCommand() *cobra.Command {
	cmd := group("token", "Manage users' API tokens as the owner of the machine")
	o := &owner{}
	o.add(cmd, "database")
	cmd.AddCommand(o.tokenAdd(), o.tokenList(), o.tokenImport(),
		o.command("enable ID", "Switch a token on", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return printToken(cmd, "on")(o.EnableToken(cmd.Context(), keyporter.Command(), keyporter.ID(args[0])))
		}),
		o.command("disable ID", "Switch a token off", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return printToken(cmd, "off")(o.DisableToken(cmd.Context(), keyporter.Command(), keyporter.ID(args[0])))
		}),
		o.command("rename ID NAME", "Rename a token", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
			return printToken(cmd, "renamed")(o.RenameToken(cmd.Context(), keyporter.Command(), keyporter.ID(args[0]), args[1]))
		}),
		o.command("expire ID WHEN", "Set when a token expires: 2027-01-31, 2027-01-31T12:00:00Z, or never", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
			at, err := parseExpiry(args[1])
			if err != nil {
				return err
			}
			return printToken(cmd, "changed")(o.SetTokenExpiry(cmd.Context(), keyporter.Command(), keyporter.ID(args[0]), at))
		}),
		o.command("delete ID", "Delete a token; its owner can restore it for seven days", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			err := o.DeleteToken(cmd.Context(), keyporter.Command(), keyporter.ID(args[0]))
			return printToken(cmd, "deleted")(keyporter.Token{ID: keyporter.ID(args[0])}, err)
		}),
	)
	return cmd
}

func printToken(cmd *cobra.Command, what string) func(keyporter.Token, error) error {
	return func(t keyporter.Token, err error) error {
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", t.ID, what)
		}
		return err
	}
}

func (o *owner) tokenAdd() *cobra.Command {
	var expires string
	var enable, organization bool
	cmd := o.command("add LOGIN NAME", "Add a token for a user and print its secret, once", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		at, err := parseExpiry(expires)
		if err != nil {
			return err
		}
		user, err := o.UserByLogin(ctx, keyporter.Command(), args[0])
		if err != nil {
			return err
		}
		kind := keyporter.UserToken
		if organization {
			kind = keyporter.OrganizationToken
		}
		t, secret, err := o.CreateToken(ctx, keyporter.Command(), control.NewToken{Kind: kind, OwnerID: user.ID, Name: args[1], ExpiresAt: at})
		if err == nil && enable {
			t, err = o.EnableToken(ctx, keyporter.Command(), t.ID)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), secret.Reveal())
		fmt.Fprintf(cmd.ErrOrStderr(), "Token %s of %s is %s. Its secret, above, won't be shown again.\n", t.ID, user.Login, onOff(t.Enabled))
		return nil
	})
	cmd.Flags().StringVar(&expires, "expires", "never", "when the token expires: 2027-01-31, 2027-01-31T12:00:00Z, or never")
	cmd.Flags().BoolVar(&organization, "organization", false, "add an organization token (deprecated), which acts for any user of the organization")
	cmd.Flags().BoolVar(&enable, "enable", false, "switch it on right away")
	return cmd
}

func (o *owner) tokenList() *cobra.Command {
	return o.command("list LOGIN", "List the tokens of a user", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		user, err := o.UserByLogin(cmd.Context(), keyporter.Command(), args[0])
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tSECRET\tSWITCH\tEXPIRES\tLAST USE\tCALLS IN 7 DAYS")
		err = pages(func(before keyporter.ID) ([]control.TokenWithUse, error) {
			_, tokens, err := o.TokensOf(cmd.Context(), keyporter.Command(), user.ID, keyporter.UserToken, before)
			return tokens, err
		}, func(t control.TokenWithUse) keyporter.ID {
			used := time.Time{}
			if last, ok := t.Use.Last(); ok {
				used = last.LastAt
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", t.ID, t.Name, t.Shown(), onOff(t.Enabled), when(t.ExpiresAt), when(used), t.Use.Allowed)
			return t.ID
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// parseExpiry reads a day, at the end of which a token expires (UTC), a time, or never.
func parseExpiry(s string) (time.Time, error) {
	if s == "never" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, fmt.Errorf("%q must look like 2027-01-31, 2027-01-31T12:00:00Z, or never", s)
	}
	return at, nil
}
