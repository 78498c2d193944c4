package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter/store"
)

func migrateCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Create the database's tables, or bring them up to date",
		Long: `Create the database's tables, or bring them up to date.

“keyporter serve” does this when it starts. No other command does. A Keyporter of
the previous release keeps running meanwhile, and can start again afterward.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.load(cmd)
			if err != nil {
				return err
			}
			if err := store.Migrate(cmd.Context(), database(cfg), slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The database is up to date.")
			return nil
		},
	}
	s.add(cmd, "database")
	return cmd
}
