package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/store"
)

// owner is what the commands for the machine's owner work with: the database itself, whether or not
// Keyporter is running.
type owner struct {
	settings
	*control.Control

	db     *store.DB
	config server.Config
}

// command returns a command whose run function gets an open Control.
func (o *owner) command(use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		return o.open(cmd, func() error { return run(cmd, args) })
	}}
}

func (o *owner) open(cmd *cobra.Command, run func() error) error {
	cfg, err := o.load(cmd)
	if err != nil {
		return err
	}
	cfg.Database = database(cfg)
	if _, err := os.Stat(cfg.Database); !store.IsPostgres(cfg.Database) && err != nil {
		return fmt.Errorf("there is no database at %s; create it with “keyporter serve” or “keyporter migrate”, or choose another one with --database", cfg.Database)
	}
	db, err := store.OpenMigrated(cmd.Context(), cfg.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	o.db, o.config = db, cfg
	o.Control = control.New(db, control.Options{})
	return run()
}

// database returns the path or address of the database.
func database(cfg server.Config) string { return cmp.Or(cfg.Database, server.DefaultDatabase) }

// pages calls page with the last ID of the previous page until a page isn't full. each prints one
// item and returns its ID.
func pages[T any](page func(last keyporter.ID) ([]T, error), each func(T) keyporter.ID) error {
	var last keyporter.ID
	for {
		items, err := page(last)
		if err != nil {
			return err
		}
		for _, item := range items {
			last = each(item)
		}
		if len(items) < control.MaxPage {
			return nil
		}
	}
}
