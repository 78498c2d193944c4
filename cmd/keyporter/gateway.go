package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
)

func gatewayCommand() *cobra.Command {
	cmd := group("gateway", "Manage what stands before an API and asks Keyporter")
	cmd.AddCommand(&cobra.Command{
		Use:   "secret",
		Short: "Print a new secret for a gateway, and the setting that lets it in",
		Long: `Print a new secret for a gateway, and the setting that lets it in.

The first line is the secret, for the gateway; it is kept nowhere. The second
line has its SHA-256, and belongs to one of gateways in the configuration file.`,
		Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			secret := keyporter.NewSecret(keyporter.SecretGateway)
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nsecret_sha256: %x\n", secret.Reveal(), secret.Hash())
			fmt.Fprintln(cmd.ErrOrStderr(), "The secret, in the first line, is not kept and not shown again.")
		},
	})
	return cmd
}
