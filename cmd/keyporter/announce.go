package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/server"
)

// announce prints where Keyporter is ready, and the link that creates the first operator, in the form of
// the log.
func announce(cmd *cobra.Command, cfg server.Config, srv *server.Server) error {
	say := sayText(cmd.OutOrStdout())
	if cfg.LogFormat == "json" {
		say = slog.New(slog.NewJSONHandler(cmd.OutOrStdout(), nil)).Info
	}
	say("Keyporter is ready at "+srv.URL(), "address", srv.URL())
	code, err := srv.Control.SetupCode(cmd.Context(), keyporter.Command())
	switch {
	case keyporter.KindOf(err) == keyporter.TooMany:
		say("This Keyporter has no operator yet. Another start printed the link that creates the operator's account less than a minute ago; that link still works. If it is lost, start Keyporter again in a minute.")
		return nil
	case err != nil || code == "":
		return err
	}
	link := cmp.Or(strings.TrimSuffix(cfg.Address, "/"), srv.URL()) + "/setup/" + code
	say("This Keyporter has no operator yet. Create the operator's account here; the link works once, within 24 hours:", "setup", link)
	return nil
}

// sayText returns a function that prints a message for people. Its only attribute that the message
// doesn't name is the setup link.
func sayText(out io.Writer) func(message string, attributes ...any) {
	return func(message string, attributes ...any) {
		if len(attributes) == 2 && attributes[0] == "setup" {
			message = fmt.Sprintf("\n%s\n\n  %s\n", message, attributes[1])
		}
		fmt.Fprintln(out, message)
	}
}
