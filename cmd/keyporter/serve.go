package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter/server"
)

func serveCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the console, the gateway, and /verify",
		Long: `Serve the console, the gateway, and /verify.

The first start creates the database and prints a one-time link that lets the
operator create an account. Every setting is described in docs/reference/configuration.md.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.load(cmd)
			if err != nil {
				return err
			}
			err = serve(cmd, cfg)
			if err != nil && cfg.LogFormat == "json" {
				cfg.Logger().Error("Keyporter stopped", "error", err)
				return errLogged
			}
			return err
		},
	}
	s.add(cmd)
	return cmd
}

func serve(cmd *cobra.Command, cfg server.Config) error {
	ctx, log := cmd.Context(), cfg.Logger()
	serveOn(log)
	srv, err := server.Start(ctx, cfg, log, nil)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	err = announce(cmd, cfg, srv)
	if err == nil {
		err = wait(ctx, srv)
	}
	return finish(ctx, srv, err)
}

// wait returns when the program should stop, or serving has ended.
func wait(ctx context.Context, srv *server.Server) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-srv.Failed():
		return err
	}
}

// finish stops the server, and returns err or what went wrong while stopping.
func finish(ctx context.Context, srv *server.Server, err error) error {
	stopErr := srv.Stop(context.WithoutCancel(ctx))
	return unlessStopped(ctx, cmp.Or(err, stopErr))
}

// unlessStopped returns err, or nil if it is only that the program was stopped before it was ready.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
