// Keyporter provides API tokens, and the check on every API call, for any product.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/server"
)

func main() {
	if err := newProgram().ExecuteContext(untilSignal(context.Background())); err != nil {
		os.Exit(exitCode(err))
	}
}

// Exit codes beside 0. Scripts can rely on them.
const (
	exitError   = 1
	exitRefused = 3 // “keyporter explain” works, and the call would be refused
)

// These errors end a command that has already said everything.
var (
	errRefused = errors.New("the call is refused")
	errLogged  = errors.New("the error is in the log")
)

// exitCode returns the exit code for the error of a command, and prints the error.
func exitCode(err error) int {
	if errors.Is(err, errRefused) {
		return exitRefused
	}
	if !errors.Is(err, errLogged) {
		fmt.Fprintln(os.Stderr, "keyporter:", err)
	}
	return exitError
}

func newProgram() *cobra.Command {
	root := &cobra.Command{
		Use:           "keyporter",
		Short:         "API tokens, and the check on every API call, for any product",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(serveCommand(), demoCommand(), migrateCommand(), tokenCommand(), userCommand(), organizationCommand(), gatewayCommand(), explainCommand(), doctorCommand(), versionCommand())
	checkArguments(root)
	return root
}

// errSecret says nothing that was given, because that may be in a log next.
var errSecret = errors.New("this is a token, not its ID; “keyporter explain --secret” takes a token, on standard input")

// checkArguments has each command refuse secrets, which its errors would repeat, and name its arguments if
// their number is wrong. Cobra only counts them.
func checkArguments(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		checkArguments(sub)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if slices.ContainsFunc(args, keyporter.LooksLikeSecret) {
			return errSecret
		}
		err := check(cmd, args)
		if err != nil && arguments != "" && !strings.HasPrefix(arguments, "-") {
			return fmt.Errorf("usage: %s %s", cmd.CommandPath(), arguments)
		}
		return err
	}
}

// group returns a command that only has subcommands. A misspelled subcommand is an error: by
// default, Cobra would show the help and exit as if all were well.
func group(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// settings are the flags for server.Config. A command that has them can load the configuration.
type settings struct{ file string }

// add gives the command flags for these settings; none: for all.
func (s *settings) add(cmd *cobra.Command, only ...string) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&s.file, "config", "c", os.Getenv("KEYPORTER_CONFIG"), "configuration `file` (KEYPORTER_CONFIG)")
	for _, setting := range server.Settings() {
		if len(only) == 0 || only[0] == setting.Key {
			flags.String(setting.Flag, "", fmt.Sprintf("%s in the file, %s as a variable", setting.Key, setting.Env))
		}
	}
}

// load reads the configuration: the file, then environment variables, then the command's flags.
func (s *settings) load(cmd *cobra.Command) (server.Config, error) {
	set := map[string]string{}
	for _, setting := range server.Settings() {
		if f := cmd.Flags().Lookup(setting.Flag); f != nil && f.Changed {
			set[setting.Key] = f.Value.String()
		}
	}
	return server.Load(s.file, os.Getenv, set)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "keyporter", version())
		},
	}
}

// version returns what the build knows about itself: the tag or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && text == "(devel)" {
			text = s.Value
		}
	}
	return fmt.Sprintf("%s, %s", text, info.GoVersion)
}
