package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var address, tokenFile, echo string
	cmd := &cobra.Command{
		Use:   "doctor --url ADDRESS",
		Short: "Send forged headers, bad tokens and odd paths through a proxy, and say what is wrong with it",
		Long: `Send forged headers, bad tokens and odd paths through a proxy that asks Keyporter,
and say what is wrong with it, and how to mend it.

ADDRESS is a path of the API as clients call it, through the proxy, to which a GET with
a good token is let through and one without a token is not. The token is read from
standard input, or from a file. POST, PUT, PATCH and DELETE are sent there, too, without
a token and without a body: if the path is open, the API does what they say.

What the API receives only the API sees. With --echo doctor listens at the address where
the proxy expects the API, and takes its place for that time: stop the API before. Without
it, what reaches the API is not looked at.`,
		Example: `  keyporter doctor --url https://api.example.com/orders --echo 127.0.0.1:9000 < token`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := doctorToken(cmd.InOrStdin(), tokenFile)
			if err != nil {
				return err
			}
			at, err := url.Parse(address)
			if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.Path == "" || at.Path == "/" {
				return fmt.Errorf("--url has to be like https://api.example.com/orders: %q", address)
			}
			d := &doctor{proxy: proxyAt(at), path: at.EscapedPath(), token: token}
			if echo != "" {
				if err := d.listen(cmd.Context(), echo); err != nil {
					return err
				}
				defer d.close()
			}
			return d.examine(cmd.Context(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "`address` of a path of the API, through the proxy")
	cmd.Flags().StringVar(&tokenFile, "token-file", "-", "`file` with a good token in its first line; -: standard input")
	cmd.Flags().StringVar(&echo, "echo", "", "`address` at which the proxy expects the API, to take its place")
	_ = cmd.MarkFlagRequired("url") // it is there
	return cmd
}

// doctorToken reads the token. It is no argument: command lines are seen by everybody on a machine.
func doctorToken(stdin io.Reader, file string) (string, error) {
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the file that its caller names
		if err != nil {
			return "", err
		}
		defer f.Close()
		stdin = f
	}
	text, err := io.ReadAll(io.LimitReader(stdin, 4<<10))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.New("there is no token; give a good one by standard input or --token-file")
	}
	return line, nil
}

// doctor sends calls through a proxy, and compares what becomes of them with what should.
type doctor struct {
	proxy proxy
	path  string // that is guarded, as it is sent
	token string
	echo  *echo // nil: nobody sees what the API receives
}

// fault is something that is wrong with the proxy, and what helps.
type fault struct{ what, fix string }

// errFaults is what the command ends with when something is wrong.
var errFaults = errors.New("something is wrong with the proxy")

// examine makes all examinations and tells of each.
func (d *doctor) examine(ctx context.Context, out io.Writer) error {
	wrong, left := false, 0
	for _, x := range d.examinations() {
		if x.echo && d.echo == nil {
			fmt.Fprintf(out, "  ?   %s: not looked at, without --echo\n", x.name)
			left++
			continue
		}
		faults, err := x.look(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		if len(faults) == 0 {
			fmt.Fprintf(out, "  ok  %s\n", x.name)
			continue
		}
		wrong = true
		for _, f := range faults {
			fmt.Fprintf(out, "  !!  %s\n      %s\n", f.what, f.fix)
		}
		if x.first {
			break // whatever came of the others would say nothing
		}
	}
	if wrong {
		return errFaults
	}
	if left > 0 {
		fmt.Fprintln(out, "All is well, as far as a client can see. What reaches the API can be looked at with --echo.")
		return nil
	}
	fmt.Fprintln(out, "All is well.")
	return nil
}

// proxyAt is the proxy at an address.
func proxyAt(at *url.URL) proxy {
	p := proxy{host: at.Host, tls: at.Scheme == "https", address: at.Host}
	if at.Port() == "" {
		port := "80"
		if p.tls {
			port = "443"
		}
		p.address = net.JoinHostPort(at.Hostname(), port)
	}
	return p
}
