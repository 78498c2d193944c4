package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

func (o *owner) tokenImport() *cobra.Command {
	var format, organization string
	var in control.ImportOptions
	cmd := o.command("import FILE", "Import tokens from another system, so that programs that use them keep working", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		if organization != "" {
			org, err := o.OrganizationByName(cmd.Context(), keyporter.Command(), organization)
			if err != nil {
				return err
			}
			in.Organization = org.ID
		}
		tokens, faults, err := readImportFile(cmd.InOrStdin(), args[0], format)
		if err != nil {
			return err
		}
		in.DryRun = in.DryRun || len(faults) > 0 // finds out what else is wrong
		done, err := o.ImportTokens(cmd.Context(), keyporter.Command(), tokens, in)
		if err != nil {
			return err
		}
		done.Faults = append(done.Faults, faults...)
		return printImport(cmd, done, in.DryRun)
	})
	cmd.Long = `Import tokens from another system, so that programs that use them keep working.

FILE (- is standard input) is CSV whose first line names the columns, or has a
JSON object in each line. Its fields:

  login     of the owner, an existing user
  name      of the token, unique among its owner's tokens
  token     the secret itself: 16 to 512 visible ASCII characters
  sha256    instead of token, its SHA-256, as 64 hexadecimal digits
  enabled   true or false (default: false)
  expires   2027-01-31, 2027-01-31T12:00:00Z, or never (default: never)
  kind      user, or organization (deprecated; default: user)

Either all lines are imported or none. Tokens that already exist stay as they are, and
deleted tokens stay deleted, so you can import the same file again.`
	cmd.Flags().StringVar(&format, "format", "", "`csv` or jsonl (default: from the file's name, or else its first character)")
	cmd.Flags().StringVar(&organization, "organization", "", "`name` of the organization that every owner must belong to")
	cmd.Flags().BoolVar(&in.DryRun, "dry-run", false, "change nothing, but report what would change")
	return cmd
}

func readImportFile(stdin io.Reader, file, format string) (tokens []control.ImportedToken, faults []control.LineFault, err error) {
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the operator's own path
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = f.Close() }()
		stdin = f
	}
	r, err := newImportReader(stdin, format, file)
	if err != nil {
		return nil, nil, err
	}
	return readImport(r)
}

// printImport prints the outcome of an import: the lines that can't be imported, and how many were.
func printImport(cmd *cobra.Command, done control.Import, dry bool) error {
	slices.SortStableFunc(done.Faults, func(a, b control.LineFault) int { return cmp.Compare(a.Line, b.Line) })
	for _, f := range done.Faults {
		fmt.Fprintf(cmd.ErrOrStderr(), "line %d: %s\n", f.Line, f.Why)
	}
	switch n := len(done.Faults); {
	case n == 1:
		return errors.New("one line can't be imported, so nothing was")
	case n > 1:
		return fmt.Errorf("%d lines can't be imported, so nothing was", n)
	}
	verb := "imported"
	if dry {
		verb = "to import"
	}
	deleted := ""
	if done.Deleted > 0 {
		deleted = fmt.Sprintf(", %d deleted since they were imported", done.Deleted)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d %s (%d switched on, %d off), %d already there%s\n", done.New, verb, done.Enabled, done.New-done.Enabled, done.There, deleted)
	return nil
}
