package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
)

func gatewayCommand() *cobra.Command {
	cmd := group("gateway", "Manage what runs in front of an API and asks Keyporter")
	cmd.AddCommand(&cobra.Command{
		Use:   "secret",
		Short: "Print a new secret for a gateway, and the setting that admits it",
		Long: `Print a new secret for a gateway, and the setting that admits it.

The first line is the secret, for the gateway. It isn't stored anywhere. The second
line is its SHA-256, for an entry of gateways in the configuration file.`,
		Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			secret := keyporter.NewSecret(keyporter.SecretGateway)
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nsecret_sha256: %x\n", secret.Reveal(), secret.Hash())
			fmt.Fprintln(cmd.ErrOrStderr(), "The secret in the first line is not stored and won't be shown again.")
		},
	})
	return cmd
}
