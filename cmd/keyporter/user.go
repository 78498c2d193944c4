package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

func userCommand() *cobra.Command {
	cmd := group("user", "Manage users as the owner of the machine")
	o := &owner{}
	o.add(cmd, "database")
	cmd.AddCommand(o.userAdd(), o.userList(), o.userPassword(),
		o.command("enable LOGIN", "Switch a user on: they can sign in and their tokens work", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeUser(cmd, args[0], o.EnableUser, "enabled")
		}),
		o.command("disable LOGIN", "Switch a user off: they can't sign in and their tokens don't work", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeUser(cmd, args[0], o.DisableUser, "disabled")
		}),
		o.userRoles(),
		o.command("appoint LOGIN", "Make a user an operator of the instance", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeUser(cmd, args[0], o.AppointOperator, "is now an operator")
		}),
		o.command("dismiss LOGIN", "Remove an operator", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return o.changeUser(cmd, args[0], o.DismissOperator, "is no longer an operator")
		}),
	)
	return cmd
}

func (o *owner) changeUser(cmd *cobra.Command, login string, change func(context.Context, keyporter.Actor, keyporter.ID) error, done string) error {
	user, err := o.UserByLogin(cmd.Context(), keyporter.Command(), login)
	if err == nil {
		err = change(cmd.Context(), keyporter.Command(), user.ID)
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", user.Login, done)
	}
	return err
}

func (o *owner) userAdd() *cobra.Command {
	var organization string
	var roles []string
	var operator, stdin bool
	cmd := o.command("add LOGIN", "Add a user; without --password-stdin, a password is generated and printed", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		org, err := o.organization(ctx, organization)
		if err != nil {
			return err
		}
		password, made, err := password(cmd, stdin)
		if err != nil {
			return err
		}
		user, err := o.CreateUser(ctx, keyporter.Command(), control.NewUser{
			OrganizationID: org.ID, Login: args[0], Password: password, Operator: operator, RoleIDs: roleIDs(roles),
		})
		if err != nil {
			return err
		}
		printPassword(cmd, fmt.Sprintf("User %s of %s was added.", user.Login, org.Name), password, made)
		return nil
	})
	cmd.Flags().StringVar(&organization, "organization", "", "`name` of the organization, created if it doesn't exist")
	cmd.Flags().StringSliceVar(&roles, "role", []string{string(keyporter.RoleAPIUser)}, "administrator, api_user, developer, auditor, or member; repeatable")
	cmd.Flags().BoolVar(&operator, "operator", false, "make the user an operator")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	_ = cmd.MarkFlagRequired("organization")
	return cmd
}

// organization finds or creates an organization.
func (o *owner) organization(ctx context.Context, name string) (keyporter.Organization, error) {
	org, err := o.OrganizationByName(ctx, keyporter.Command(), name)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return o.CreateOrganization(ctx, keyporter.Command(), name)
	}
	return org, err
}

func roleIDs(names []string) []keyporter.ID {
	ids := make([]keyporter.ID, len(names))
	for i, n := range names {
		ids[i] = keyporter.ID(n)
	}
	return ids
}

// password reads a password or generates one.
func password(cmd *cobra.Command, stdin bool) (text string, made bool, err error) {
	if !stdin {
		return strings.ToLower(rand.Text()), true, nil
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if line == "" && err != nil {
		return "", false, fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), false, nil
}

// printPassword says what was done, where it doesn't get into what scripts read, and prints the password if it was made here.
func printPassword(cmd *cobra.Command, done, password string, made bool) {
	if made {
		fmt.Fprintln(cmd.OutOrStdout(), password)
		done += " The password, above, won't be shown again."
	}
	fmt.Fprintln(cmd.ErrOrStderr(), done)
}

func (o *owner) userPassword() *cobra.Command {
	var stdin bool
	cmd := o.command("password LOGIN", "Set a user's password and end their sessions", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		user, err := o.UserByLogin(cmd.Context(), keyporter.Command(), args[0])
		if err != nil {
			return err
		}
		password, made, err := password(cmd, stdin)
		if err == nil {
			err = o.SetPassword(cmd.Context(), keyporter.Command(), user.ID, password)
		}
		if err != nil {
			return err
		}
		printPassword(cmd, fmt.Sprintf("The password of %s was changed.", user.Login), password, made)
		return nil
	})
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

func (o *owner) userRoles() *cobra.Command {
	return o.command("roles LOGIN [ROLE...]", "Set a user's roles to exactly these", cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
		user, err := o.UserByLogin(cmd.Context(), keyporter.Command(), args[0])
		if err != nil {
			return err
		}
		return o.SetUserRoles(cmd.Context(), keyporter.Command(), user.ID, roleIDs(args[1:]))
	})
}

func (o *owner) userList() *cobra.Command {
	var l userListing
	cmd := o.command("list", "List users by login name", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		list, err := l.read(cmd.Context(), o)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "LOGIN\tACTIVE\tOPERATOR\tROLES\tCREATED")
		last, printed := "", 0
		for l.limit == 0 || printed < l.limit {
			users, err := o.Users(cmd.Context(), keyporter.Command(), list)
			if err != nil {
				return err
			}
			for _, u := range users {
				if l.limit > 0 && printed == l.limit {
					break
				}
				fmt.Fprintf(w, "%s\t%t\t%t\t%s\t%s\n", u.Login, u.Active, u.Operator, strings.Join(ids(u.RoleIDs), ", "), when(u.CreatedAt))
				list.After, last, printed = u.ID, u.Login, printed+1
			}
			if len(users) < control.MaxPage {
				break
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return l.more(cmd, o, list, last)
	})
	cmd.Flags().StringVar(&l.organization, "organization", "", "only users of the organization with this `name`")
	cmd.Flags().StringVar(&l.search, "search", "", "only users with this `text` in their login name")
	cmd.Flags().IntVar(&l.limit, "limit", 100, "list at most this `number` of users; 0: all")
	cmd.Flags().StringVar(&l.after, "after", "", "continue after the user with this `login`")
	return cmd
}

// userListing is what user list is asked for.
type userListing struct {
	organization, search, after string
	limit                       int
}

func (l *userListing) read(ctx context.Context, o *owner) (control.UserList, error) {
	list := control.UserList{Match: l.search}
	if l.limit < 0 {
		return list, fmt.Errorf("--limit must be 0 or more")
	}
	if l.organization != "" {
		org, err := o.OrganizationByName(ctx, keyporter.Command(), l.organization)
		if err != nil {
			return list, err
		}
		list.OrganizationID = org.ID
	}
	if l.after != "" {
		u, err := o.UserByLogin(ctx, keyporter.Command(), l.after)
		if err != nil {
			return list, err
		}
		list.After = u.ID
	}
	return list, nil
}

// more says how to continue if there are more users after the last one, where it doesn't get into what scripts read.
func (l *userListing) more(cmd *cobra.Command, o *owner, list control.UserList, last string) error {
	if last == "" {
		return nil
	}
	users, err := o.Users(cmd.Context(), keyporter.Command(), list)
	if err == nil && len(users) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "There are more users. Continue with --after %s, or list all with --limit 0.\n", last)
	}
	return err
}

func ids(all []keyporter.ID) []string {
	texts := make([]string, len(all))
	for i, id := range all {
		texts[i] = string(id)
	}
	return texts
}
