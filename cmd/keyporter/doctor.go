package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var address, tokenFile, echo string
	cmd := &cobra.Command{
		Use:   "doctor --url ADDRESS",
		Short: "Send forged headers, bad tokens, and odd paths through a proxy, and report what is wrong",
		Long: `Send forged headers, bad tokens, and odd paths through a proxy that asks Keyporter,
and report what is wrong with it and how to fix it.

ADDRESS is an API path as clients call it, through the proxy. A GET with a valid token
must get through there, and one without a token must not. The token is read from
standard input or from a file. The doctor also sends POST, PUT, PATCH, and DELETE there,
without a token and without a body: if the path is open, the API will carry them out.

Only the API can see what reaches it. With --echo, the doctor takes the API's place and
listens at the address where the proxy expects it, so stop the API first. Without --echo,
the doctor doesn't check what reaches the API.`,
		Example: `  keyporter doctor --url https://api.example.com/orders --echo 127.0.0.1:9000 < token`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := doctorToken(cmd.InOrStdin(), tokenFile)
			if err != nil {
				return err
			}
			at, err := url.Parse(address)
			if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.Path == "" || at.Path == "/" {
				return fmt.Errorf("--url must look like https://api.example.com/orders: %q", address)
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
	cmd.Flags().StringVar(&address, "url", "", "`address` of an API path, through the proxy")
	cmd.Flags().StringVar(&tokenFile, "token-file", "-", "`file` with a valid token in its first line; - for standard input")
	cmd.Flags().StringVar(&echo, "echo", "", "`address` where the proxy expects the API, to take its place")
	_ = cmd.MarkFlagRequired("url") // fails only if there is no such flag
	return cmd
}

// doctorToken reads the token. It isn't an argument, because everyone on a machine can see command
// lines.
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
		return "", errors.New("there is no token; pass a valid one on standard input or with --token-file")
	}
	return line, nil
}

// doctor sends calls through a proxy, and compares the outcome with what it should be.
type doctor struct {
	proxy proxy
	path  string // of the guarded API, as sent
	token string
	echo  *echo    // nil: what the API receives isn't known
	bare  struct { // the call without a token: what the client gets, and what the API received
		reply

		got *http.Request
	}
}

// fault is something wrong with the proxy, the token, or the API, and what helps.
type fault struct{ what, fix string }

// unchecked is why an examination says nothing either way.
type unchecked string

func (u unchecked) Error() string { return string(u) }

// errFaults is what the command returns if it has printed faults.
var errFaults = errors.New("the doctor found faults")

// examine runs all examinations and prints the outcome of each.
func (d *doctor) examine(ctx context.Context, out io.Writer) error {
	wrong, left := false, 0
	for _, x := range d.examinations() {
		if x.echo && d.echo == nil {
			fmt.Fprintf(out, "  ?   %s: not checked; add --echo\n", x.name)
			left++
			continue
		}
		faults, err := x.look(ctx)
		if why, ok := errors.AsType[unchecked](err); ok {
			fmt.Fprintf(out, "  ?   %s: not checked; %s\n", x.name, why)
			continue // another examination finds out what is wrong
		}
		if err != nil {
			return err
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
			break // without it, the others would prove nothing
		}
	}
	if wrong {
		return errFaults
	}
	if left > 0 {
		fmt.Fprintln(out, "All is well, as far as a client can see. Add --echo to check what reaches the API.")
		return nil
	}
	fmt.Fprintln(out, "All is well.")
	return nil
}

// proxyAt returns the proxy at an address.
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
