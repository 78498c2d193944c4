package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
)

// explain is the input of the explain command.
type explain struct {
	owner

	request, method, path, host, login string
	secret                             bool
}

func explainCommand() *cobra.Command {
	var x explain
	cmd := &cobra.Command{Use: "explain [ID]", Short: "Show which rule refuses a token or a call, and why", Args: cobra.MaximumNArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := x.cutQuery(cmd.ErrOrStderr()); err != nil {
			return err
		}
		if err := x.sensible(cmd, args); err != nil {
			return err
		}
		if len(args) == 0 && !x.secret && x.request == "" {
			return x.route(cmd)
		}
		return x.open(cmd, func() error { return x.run(cmd, args) })
	}
	cmd.Long = `Show which rule refuses a token or a call, and why: every rule in order, with its
answer and the reason for it. The decision is the gateway's, from the database and
the configuration file, and nothing is counted.

  keyporter explain TOKEN-ID --path /Api/v5/envelope/1 --login grace@acme.example
  keyporter explain CONNECTION-ID --path /Api/v6/envelope/1      an app, on behalf of the user who connected it
  keyporter explain --request REQUEST-ID     a refused call
  keyporter explain --secret --path /Api/v6/envelope/1 < file     the token itself, on standard input
  keyporter explain --path /Api/v6/envelope/1     which routes a call fits, and what it needs; without a database

With just a --path, it lists the routes that match, in the order in which they are tried:

  matches                  The call is what the route says.
  matches except for …     Most servers would treat the call as one to this route.
  matches on some servers only
                           Some would, such as those that ignore a file extension.
  decides                  The call needs what the route asks. If several routes decide, it
                           needs what all of them ask.
  doesn't decide           An earlier route does.

It exits with 0 if the call would be allowed, 3 if it is refused, and 1 if that can't be
said. With just a --path, 0 means that a route takes the call, whatever it needs.`
	x.add(cmd, "database")
	flags := cmd.Flags()
	flags.StringVar(&x.request, "request", "", "request `ID` of a refused call")
	flags.BoolVar(&x.secret, "secret", false, "read the token itself from standard input")
	flags.StringVar(&x.method, "method", "GET", "HTTP `method` of the call")
	flags.StringVar(&x.path, "path", "", "`path` of the call; without one, rules that depend on the path are skipped")
	flags.StringVar(&x.host, "host", "", "`host` name of the call")
	flags.StringVar(&x.login, "login", "", "login `name` in the call, with an organization token")
	return cmd
}

// sensible refuses what would be ignored.
func (x *explain) sensible(cmd *cobra.Command, args []string) error {
	of := 0
	for _, given := range []bool{len(args) > 0, x.request != "", x.secret} {
		if given {
			of++
		}
	}
	changed := cmd.Flags().Changed
	switch {
	case of > 1:
		return errors.New("give one of these: the ID of a token or a connection, --request, or --secret")
	case x.request != "" && (changed("path") || changed("login") || changed("method") || changed("host")):
		return errors.New("--request is about a call that was made: leave out --path, --login, --method, and --host")
	case of == 0 && x.path == "":
		return errors.New("give the ID of a token or a connection, a call with --request, the token itself with --secret, or just a --path")
	case of == 0 && x.login != "":
		return errors.New("which routes a call fits doesn't depend on the --login: leave it out, or say which token it is")
	case x.secret && x.path == "":
		return errors.New("with --secret, add the --path of the call")
	case x.path == "" && (changed("method") || changed("host")):
		return errors.New("--method and --host say nothing without a --path")
	}
	return nil
}

func (x *explain) run(cmd *cobra.Command, args []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if x.path != "" && len(x.config.APIs) == 0 {
		return errNoAPI
	}
	checker, err := verify.New(x.db, verify.Options{APIs: x.config.APIs})
	if err != nil {
		return err
	}
	x.Control = control.New(x.db, control.Options{Checker: checker})
	req := &verify.Request{Method: x.method, Path: x.path, Host: x.host, UserLoginName: []string{x.login}}
	switch {
	case x.request != "":
		return x.refusal(ctx, out)
	case x.secret:
		return x.bySecret(ctx, cmd.InOrStdin(), out, req)
	}
	got, err := x.Explain(ctx, keyporter.Command(), keyporter.ID(args[0]), req)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return errors.New("no token or connection has this ID") // which may be an imported token
	}
	if err != nil {
		return err
	}
	return x.print(ctx, out, got)
}

var errNoAPI = errors.New("no API is configured, so no path belongs to one: pass the file that “keyporter serve” reads with --config, or leave out --path")

// route explains which routes of the configuration a call fits.
func (x *explain) route(cmd *cobra.Command) error {
	cfg, err := x.load(cmd)
	if err != nil {
		return err
	}
	if len(cfg.APIs) == 0 {
		return errNoAPI
	}
	got, err := verify.ExplainRoute(cfg.APIs, &verify.Request{Method: x.method, Path: x.path, Host: x.host})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, f := range got.Fits {
		decides := "doesn't decide"
		if f.Decides {
			decides = "decides"
		}
		fmt.Fprintf(out, "%s: %s; %s\n    It asks for %s.\n", f.Route, f.How, decides, f.Asks)
	}
	for _, note := range got.Notes {
		fmt.Fprintf(out, "Note: %s.\n", note)
	}
	fmt.Fprintf(out, "\n%s\n", got.Needs)
	if got.Reason != keyporter.Allowed {
		fmt.Fprintf(out, "The call would be refused: %s\n", got.Reason)
		return errRefused
	}
	return nil
}

// cutQuery leaves the query out of the path, and requires that it is a path.
func (x *explain) cutQuery(note io.Writer) error {
	path, _, found := strings.Cut(x.path, "?")
	if x.path != "" && !strings.HasPrefix(path, "/") {
		return errors.New("--path must begin with /, such as /shop/orders")
	}
	if x.path = path; found {
		fmt.Fprintln(note, "Note: the query was left out, because no rule depends on it.") // it may have a secret in it
	}
	return nil
}

// bySecret explains a call with the token on standard input. Anyone who lists processes could see
// it in an argument.
func (x *explain) bySecret(ctx context.Context, in io.Reader, out io.Writer, req *verify.Request) error {
	line, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the token: %w", err)
	}
	req.APIToken = []string{strings.TrimSpace(line)}
	got, err := x.ExplainCall(ctx, keyporter.Command(), req)
	if err != nil {
		return err
	}
	return x.print(ctx, out, got)
}

func (x *explain) print(ctx context.Context, out io.Writer, got keyporter.Explanation) error {
	for _, s := range got.Steps {
		fmt.Fprintf(out, "%-9s %s\n", outcome(s.Outcome), s.Rule)
		if s.Cause != "" {
			fmt.Fprintf(out, "          %s\n", s.Cause)
		}
	}
	if got.Reason == keyporter.ReasonNamedUnknown {
		// The machine's owner can see all organizations.
		if u, err := x.UserByLogin(ctx, keyporter.Command(), x.login); err == nil {
			fmt.Fprintf(out, "          %s is a user of another organization.\n", u.Login)
		}
	}
	if got.Allowed {
		_, err := fmt.Fprintln(out, "\nThe call would be allowed.")
		return err
	}
	fmt.Fprintf(out, "\nThe call would be refused: %s\n", got.Reason)
	return errRefused
}

// refusal prints a refused call as it was kept.
func (x *explain) refusal(ctx context.Context, out io.Writer) error {
	call, t, err := x.Refusal(ctx, keyporter.Command(), x.request)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return fmt.Errorf("%w A running Keyporter saves refused calls every ten seconds.", err) //nolint:revive,staticcheck // sentences for people
	}
	if err != nil {
		return err
	}
	of := "token"
	switch {
	case t.Kind == keyporter.CredentialAppToken:
		of = "app"
	case t.AppID != "":
		of = "connection"
	}
	for _, f := range [][2]string{
		{"call", call.Method + " " + call.Path},
		{"when", when(call.At)},
		{of, fmt.Sprintf("%s, “%s”", t.ID, t.Name)},
		{"API", call.Version},
		{"login name", call.LoginName},
		{"client", fmt.Sprintf("%s from %s", call.Agent, call.Address)},
	} {
		if f[1] != "" {
			fmt.Fprintf(out, "%-11s %s\n", f[0], f[1])
		}
	}
	fmt.Fprintf(out, "\n%-9s %s\n          %s\n\nThe call was refused: %s\n", outcome(keyporter.Failed), call.Reason.Rule(), call.Cause, call.Reason)
	return errRefused
}

func outcome(o keyporter.Outcome) string {
	return []string{"not asked", "yes", "NO"}[slices.Index([]keyporter.Outcome{keyporter.NotAsked, keyporter.Passed, keyporter.Failed}, o)]
}
